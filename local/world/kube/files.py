"""What a process in a container sees as files: the node's kernel, its own few files, and what is mounted into it.

There is no real file behind any of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from local.world import images
from local.world.kube import nodes
from local.world.kube.state import Json
from local.world.model import Node, Pool

NULL = "/dev/null"
_IDS = {
    # as the images' own /etc/os-release begins; Azure Container Linux is not captured
    "Ubuntu": ("ubuntu", "Ubuntu"),
    "AzureLinux": ("azurelinux", "Microsoft Azure Linux"),
}


def kernel_files(node: Node) -> dict[str, str]:
    """Return what every container on a node sees of its kernel."""
    found = {"/proc/sys/kernel/random/boot_id": f"{node.boot_id}\n"}
    if node.fips_file:
        found["/proc/sys/crypto/fips_enabled"] = f"{node.kernel_fips}\n"
    return found


def host_files(pool: Pool, node: Node) -> dict[str, str]:
    """Return a node's files, for those who mount the host's."""
    sku, name, _ = nodes.operating_system(pool, node)
    identity = next((of for start, of in _IDS.items() if sku.startswith(start)), (sku.lower(), sku))
    found = kernel_files(node) | {
        "/etc/os-release": f'NAME="{identity[1]}"\nID={identity[0]}\nPRETTY_NAME="{name}"\n',
        "/etc/hostname": f"{node.name}\n",
    }
    if sku == "AzureContainerLinux" and images.is_fips_image(node.image):  # facts, section 6: its marker file
        found["/etc/system-fips"] = ""
    return found


def providers(pool: Pool, node: Node) -> str | None:
    """Return what `openssl list -providers` prints on the host; None where OpenSSL is 1.1 and knows no such option.

    AgentBaker's end-to-end tests look for an active provider whose name begins with `fips` or `symcrypt`, and skip
    OpenSSL 1.1, which is Ubuntu 20.04's; indentation and versions vary between distributions.
    """
    sku = nodes.operating_system(pool, node)[0]
    if sku == "Ubuntu2004":
        return None
    found = [("default", "OpenSSL Default Provider", "3.0.2" if sku.startswith("Ubuntu") else "3.3.5")]
    if images.is_fips_image(node.image) and node.fips_provider:
        symcrypt = ("symcryptprovider", "SymCrypt Provider", "1.10.0")
        found.append(symcrypt if sku.startswith("AzureLinux") else ("fips", "OpenSSL FIPS Provider", "3.0.2"))
    shown = (
        f"  {name}\n    name: {title}\n    version: {version}\n    status: active" for name, title, version in found
    )
    return "\n".join(("Providers:", *shown)) + "\n"


@dataclass(frozen=True)
class Machine:
    """The node that a container runs on."""

    pool: Pool
    node: Node

    @property
    def kernel(self) -> str:
        """What `uname -r` says."""
        return nodes.operating_system(self.pool, self.node)[2]


@dataclass
class Files:
    """A tree of files as one process sees it."""

    machine: Machine
    own: dict[str, str]
    """What it wrote, and what belongs to it alone."""
    mounts: tuple[tuple[str, str], ...] = ()
    """Where in the container, which of the host's folders."""
    writable: tuple[str, ...] | None = None
    """The folders and files that can be written; None: all but the host's."""
    may_chroot: bool = True
    is_host: bool = False
    """Its root is the host's: the host's programs are there."""

    def read(self, path: str) -> str | None:
        """Return a file's content, or None."""
        if path == NULL:
            return ""
        if path in self.own:
            return self.own[path]
        host = self._on_host(path)
        if host is not None:
            return host_files(self.machine.pool, self.machine.node).get(host)
        return kernel_files(self.machine.node).get(path)

    def write(self, path: str, text: str, *, append: bool = False) -> bool:
        """Write a file; return False where nothing can be written."""
        if path == NULL:
            return True
        if not self.can_write(path):
            return False
        self.own[path] = (self.own.get(path, "") if append else "") + text
        return True

    def paths(self) -> Iterator[str]:
        """Go through all files."""
        yield from self.own
        if not self.is_host:
            yield from kernel_files(self.machine.node)
        for at, of in self.mounts:
            for path in host_files(self.machine.pool, self.machine.node):
                if path.startswith(of.rstrip("/") + "/"):
                    yield at.rstrip("/") + path.removeprefix(of.rstrip("/"))

    def is_folder(self, path: str) -> bool:
        """Tell that something is below a path."""
        below = path.rstrip("/") + "/"
        return any(file.startswith(below) for file in self.paths())

    def children(self, path: str) -> list[str]:
        """Return the names in a folder."""
        below = path.rstrip("/") + "/"
        return sorted({file[len(below) :].split("/")[0] for file in self.paths() if file.startswith(below)})

    def chroot(self, path: str) -> "Files | None":
        """Return what is seen with the host's root as root; None if the host's programs can't run there.

        They run where the host's root is mounted, or its /usr beside a link to the loader that they name.
        """
        root, mounted = path.rstrip("/"), {(at.rstrip("/"), of) for at, of in self.mounts}
        linked = (f"{root}/usr", "/usr") in mounted and f"{root}/lib64" in self.own
        if (root, "/") not in mounted and not linked:
            return None
        return replace(self, own={}, mounts=(("/", "/"),), writable=(), is_host=True)

    def _on_host(self, path: str) -> str | None:
        for at, of in sorted(self.mounts, key=lambda mount: -len(mount[0])):
            prefix = at.rstrip("/")
            if path == prefix or path.startswith(prefix + "/"):
                return (of.rstrip("/") + path.removeprefix(prefix)) or "/"
        return None

    def can_write(self, path: str) -> bool:
        """Say whether something can be written at a path."""
        if self.writable is not None:
            below = any(path == at or path.startswith(at.rstrip("/") + "/") for at in self.writable)
            return below and self._on_host(path) is None
        return self._on_host(path) is None and not path.startswith(("/proc/", "/sys/"))


@dataclass
class View:
    """How a container's files are put together."""

    machine: Machine
    pod: Json
    """The pod's spec."""
    container: Json
    own: dict[str, str] = field(default_factory=dict)

    def files(self) -> Files:
        """Return the container's files."""
        folders = {
            str(volume["name"]): str(volume["hostPath"]["path"])
            for volume in self.pod.get("volumes") or ()
            if volume.get("hostPath")
        }
        mounted = self.container.get("volumeMounts") or ()
        mounts = tuple((str(m["mountPath"]), folders[m["name"]]) for m in mounted if m["name"] in folders)
        context = self.container.get("securityContext") or {}
        writable: tuple[str, ...] | None = None
        if context.get("readOnlyRootFilesystem"):
            own = [str(m["mountPath"]) for m in mounted if m["name"] not in folders and not m.get("readOnly")]
            log = str(self.container.get("terminationMessagePath") or "/dev/termination-log")
            writable = (*own, log)
        return Files(self.machine, self.own, mounts, writable, may_chroot=self._may_chroot(context))

    def _may_chroot(self, context: Json) -> bool:
        of_pod = self.pod.get("securityContext") or {}
        user = context.get("runAsUser", of_pod.get("runAsUser"))
        if user or context.get("runAsNonRoot", of_pod.get("runAsNonRoot")):
            return False
        if context.get("privileged"):
            return True
        capabilities = context.get("capabilities") or {}
        dropped = {"ALL", "SYS_CHROOT"} & {str(name).upper() for name in capabilities.get("drop") or ()}
        return not dropped or "SYS_CHROOT" in (capabilities.get("add") or ())
