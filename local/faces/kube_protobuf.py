"""Bodies as kubectl sends them for Kubernetes' own kinds: protobuf in an envelope, made into what JSON would say.

Field numbers: kubernetes/api, core/v1/generated.proto and policy/v1/generated.proto; apimachinery, meta/v1 and
runtime/generated.proto. A field that isn't listed and has a content is refused rather than lost.
"""

from collections.abc import Iterator, Mapping

from local.faces.http import Json

MAGIC = b"k8s\x00"
_Fields = Mapping[int, str]
"""Number: name and type, `name:type`. `*` is repeated, `inline` goes into its parent, `-` is ignored."""

_MESSAGES: dict[str, _Fields] = {
    "Unknown": {1: "type:TypeMeta", 2: "raw:bytes", 3: "-", 4: "-"},
    "TypeMeta": {1: "apiVersion:string", 2: "kind:string"},
    "Pod": {1: "metadata:ObjectMeta", 2: "spec:PodSpec", 3: "-"},
    "Namespace": {1: "metadata:ObjectMeta", 2: "-", 3: "-"},
    "Eviction": {1: "metadata:ObjectMeta", 2: "deleteOptions:DeleteOptions"},
    "DeleteOptions": {1: "gracePeriodSeconds:int", 2: "preconditions:Preconditions", 3: "-", 4: "-", 5: "-"},
    "Preconditions": {1: "uid:string", 2: "resourceVersion:string"},
    "ObjectMeta": {
        1: "name:string",
        2: "generateName:string",
        3: "namespace:string",
        4: "-",
        5: "-",
        6: "-",
        7: "-",
        8: "-",
        11: "labels:map",
        12: "annotations:map",
        13: "ownerReferences:*OwnerReference",
    },
    "OwnerReference": {
        1: "kind:string",
        3: "name:string",
        4: "uid:string",
        5: "apiVersion:string",
        6: "controller:bool",
        7: "blockOwnerDeletion:bool",
    },
    "PodSpec": {
        1: "volumes:*Volume",
        2: "containers:*Container",
        3: "restartPolicy:string",
        4: "terminationGracePeriodSeconds:int",
        5: "activeDeadlineSeconds:int",
        6: "dnsPolicy:string",
        7: "nodeSelector:map",
        8: "serviceAccountName:string",
        9: "serviceAccount:string",
        10: "nodeName:string",
        11: "hostNetwork:bool",
        12: "hostPID:bool",
        13: "hostIPC:bool",
        14: "securityContext:PodSecurityContext",
        16: "hostname:string",
        17: "subdomain:string",
        19: "schedulerName:string",
        20: "initContainers:*Container",
        21: "automountServiceAccountToken:bool",
        22: "tolerations:*Toleration",
        24: "priorityClassName:string",
        29: "runtimeClassName:string",
        30: "enableServiceLinks:bool",
        36: "os:PodOS",
    },
    "PodOS": {1: "name:string"},
    "Container": {
        1: "name:string",
        2: "image:string",
        3: "command:*string",
        4: "args:*string",
        5: "workingDir:string",
        7: "env:*EnvVar",
        9: "volumeMounts:*VolumeMount",
        13: "terminationMessagePath:string",
        14: "imagePullPolicy:string",
        15: "securityContext:SecurityContext",
        16: "stdin:bool",
        17: "stdinOnce:bool",
        18: "tty:bool",
        20: "terminationMessagePolicy:string",
    },
    "EnvVar": {1: "name:string", 2: "value:string"},
    "VolumeMount": {1: "name:string", 2: "readOnly:bool", 3: "mountPath:string", 4: "subPath:string"},
    "Volume": {1: "name:string", 2: "inline:VolumeSource"},
    "VolumeSource": {1: "hostPath:HostPath", 2: "emptyDir:EmptyDir"},
    "HostPath": {1: "path:string", 2: "type:string"},
    "EmptyDir": {1: "medium:string"},
    "Toleration": {
        1: "key:string",
        2: "operator:string",
        3: "value:string",
        4: "effect:string",
        5: "tolerationSeconds:int",
    },
    "SecurityContext": {
        1: "capabilities:Capabilities",
        2: "privileged:bool",
        4: "runAsUser:int",
        5: "runAsNonRoot:bool",
        6: "readOnlyRootFilesystem:bool",
        7: "allowPrivilegeEscalation:bool",
        8: "runAsGroup:int",
        10: "windowsOptions:WindowsOptions",
        11: "seccompProfile:SeccompProfile",
    },
    "PodSecurityContext": {
        2: "runAsUser:int",
        3: "runAsNonRoot:bool",
        5: "fsGroup:int",
        6: "runAsGroup:int",
        8: "windowsOptions:WindowsOptions",
        10: "seccompProfile:SeccompProfile",
    },
    "Capabilities": {1: "add:*string", 2: "drop:*string"},
    "SeccompProfile": {1: "type:string", 2: "localhostProfile:string"},
    "WindowsOptions": {3: "runAsUserName:string", 4: "hostProcess:bool"},
}


def decode(body: bytes) -> Json:
    """Return the object in an envelope; raise ValueError for what isn't understood."""
    envelope = _message("Unknown", body.removeprefix(MAGIC))
    found: Json = envelope.get("type") or {}
    kind = str(found.get("kind"))
    if kind not in _MESSAGES:
        raise ValueError(f"the local Azure reads no {kind} in protobuf")
    return found | _message(kind, envelope.get("raw", b""))


def _message(kind: str, data: bytes) -> Json:
    found: Json = {}
    for number, value in _fields(data):
        name, _, of = _MESSAGES[kind].get(number, "?").partition(":")
        if name == "?" and value not in {b"", 0}:
            raise ValueError(f"the local Azure doesn't read field {number} of {kind} in protobuf")
        if name in {"?", "-"}:
            continue
        if of == "map":
            entry = {key: text.decode() for key, text in _fields(_bytes(value)) if isinstance(text, bytes)}
            found.setdefault(name, {})[entry.get(1, "")] = entry.get(2, "")
        elif of.startswith("*"):
            found.setdefault(name, []).append(_value(of[1:], value))
        elif name == "inline":
            found |= _message(of, _bytes(value))
        elif (read := _value(of, value)) != "":
            found[name] = read
    return found


def _value(of: str, value: int | bytes) -> object:
    match of:
        case "int":
            return value
        case "bool":
            return bool(value)
        case "bytes":
            return value
        case "string":
            return _bytes(value).decode()
        case _:
            return _message(of, _bytes(value))


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number stands where bytes should")  # noqa: TRY004 (a bad value, as decode says it)
    return value


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        if tag & 7 == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
        elif tag & 7 == 2:
            length, at = _varint(data, at)
            if at + length > len(data):
                raise ValueError("the message ends too early")
            yield tag >> 3, data[at : at + length]
            at += length
        else:
            raise ValueError(f"wire type {tag & 7} is not known here")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        if at >= len(data):
            raise ValueError("the message ends too early")
        byte, at = data[at], at + 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, at
