"""What pools run and would get with FIPS, by dated data: a wrong row sends people onto a retired image."""

import json
import re
import tomllib
from dataclasses import replace
from datetime import date, timedelta
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.capability import KNOWN_OS_SKUS, fips_enabled_by_default
from shared.domain.codec import plain, typed
from shared.domain.data_file import DataFileError, load, parse
from shared.domain.support import (
    FILE,
    FipsSupport,
    Matrix,
    OsSku,
    Release,
    TrustedLaunch,
    WithFips,
    checked,
    is_fips_image,
    is_gone,
    is_known_fips_name,
    matrix,
    minor_version,
    os_sku_named,
    release_of,
    release_with_fips,
    releases_with_fips,
    retirement,
)
from tests.builders import pool
from tests.unit.strategies import any_text

TODAY = date(2026, 11, 23)
ROOT = Path(__file__).parents[2]
IMAGES = {
    # as Azure/karpenter-provider-azure's snapshot of the node image API, AKS's documents and the recordings have them
    "AKSUbuntu-1804gen2fipscontainerd-202305.15.0": "Ubuntu 18.04",
    "AKSUbuntu-1804-2020.03.05": "Ubuntu 18.04",
    "AKSUbuntu-2004fipscontainerd-202512.18.0": "Ubuntu 20.04",
    "AKSUbuntu-2004gen2fipscontainerd-202608.01.0": "Ubuntu 20.04",
    "AKSUbuntu-2004gen2CVMcontainerd-202512.18.0": "Ubuntu 20.04",
    "AKSUbuntu-gen2-2004fipscontainerd": "Ubuntu 20.04",
    "AKSUbuntu-2204containerd-202512.18.0": "Ubuntu 22.04",
    "AKSUbuntu-2204gen2fipscontainerd-202404.09.0": "Ubuntu 22.04",
    "AKSUbuntu-2204gen2fipsTLcontainerd-202608.01.0": "Ubuntu 22.04",
    "AKSUbuntu-2204-gen2TLcontainerd-202512.18.0": "Ubuntu 22.04",
    "AKSUbuntu-gen1-2204containerd": "Ubuntu 22.04",
    "AKSUbuntuEdgeZone-2204gen2containerd-202512.18.0": "Ubuntu 22.04",
    "AKSUbuntu-2404gen2arm64containerd-202512.18.0": "Ubuntu 24.04",
    "AKSUbuntu-gen2-2404tlcontainerd": "Ubuntu 24.04",
    "AKSUbuntu-2404-202601.27.0": "Ubuntu 24.04",
    "AKSAzureLinux-V2gen2fips-202512.18.0": "Azure Linux 2.0",
    "AKSAzureLinux-V2katagen2-202512.18.0": "Azure Linux 2.0",
    "AKSAzureLinux-gen2fips": "Azure Linux 2.0",
    "AKSCBLMariner-V2gen2fips-202512.18.0": "CBL-Mariner 2.0",
    "AKSCBLMarinerV2-gen1fips": "CBL-Mariner 2.0",
    "AKSAzureLinux-V3-202512.18.0": "Azure Linux 3.0",
    "AKSAzureLinux-V3fips-202512.18.0": "Azure Linux 3.0",
    "AKSAzureLinux-V3gen2arm64fips-202512.18.0": "Azure Linux 3.0",
    "AKSAzureLinuxV3-gen2fips": "Azure Linux 3.0",
    "AKSAzureLinux-OSGuardV3gen2fipsTL-202509.23.0": "Azure Linux 3.0 with OS Guard",
    "AKSAzureContainerLinux-202606.01.0": "Azure Container Linux",
    "AKSAzureLinux-aclgen2TL-202609.23.0": "Azure Container Linux",
    "AKSFlatcar-flatcargen2arm64-202512.18.0": "Flatcar Container Linux",
    "AKSWindows-2019-17763.2019.221114": "Windows Server 2019",
    "AKSWindows-2019-containerd-17763.8146.251212": "Windows Server 2019",
    "AKSWindows-2022-containerd-20348.1787.230614": "Windows Server 2022",
    "AKSWindows-2022-containerd-gen2-20348.4529.251212": "Windows Server 2022",
    "AKSWindows-2025-gen2-26100.32522.260311": "Windows Server 2025",
    "AKSWindows-23H2-gen2-25398.1611.250518": "Windows Server Annual Channel 23H2",
}


def named(name: str) -> Release:
    """A release of the matrix."""
    return next(release for release in matrix().releases if release.name == name)


class TestWhatAPoolRuns:
    """Read from the name of its node image."""

    @pytest.mark.parametrize(("image", "expected"), IMAGES.items())
    @pytest.mark.parametrize("spelt", [str, str.lower, str.upper])
    def test_the_name_of_the_image_says_the_release(self, image: str, expected: str, spelt: Any) -> None:
        assert release_of(pool(nodeImageVersion=spelt(image))) == named(expected)

    @pytest.mark.parametrize("image", IMAGES)
    def test_no_name_fits_two_releases(self, image: str) -> None:
        fitting = [it.name for it in matrix().releases for p in it.images if re.fullmatch(p, image.lower())]
        assert fitting == [IMAGES[image]]

    @pytest.mark.parametrize(
        "image",
        [
            *("", "x", "AKSUbuntu", "AKSUbuntu-1604-2020.10.28", "AKSUbuntu-22040gen2containerd-1"),
            *("AKSUbuntu-220", "AKSAzureLinux-V30gen2-1", "AKSAzureLinux-V4gen2fips-202611.03.0"),
            *("AKSCBLMariner-V1-202305.15.0", "AKSWindows-2016-1", "AKSWindows-20220-1", "prefix-AKSUbuntu-2204"),
        ],
    )
    def test_an_unknown_name_is_no_guess(self, image: str) -> None:
        assert release_of(pool(nodeImageVersion=image)) is None

    @given(any_text)
    def test_no_other_text_is_read_as_a_release(self, image: str) -> None:
        assert release_of(pool(nodeImageVersion=image)) is None


@pytest.mark.parametrize("image", [image for image in IMAGES if "fips" in image])
@pytest.mark.parametrize("spelt", [str, str.lower, str.upper])
def test_fips_stands_in_its_place_in_every_known_name_of_a_fips_image(image: str, spelt: Any) -> None:
    assert is_fips_image(spelt(image))
    assert is_known_fips_name(spelt(image))


@pytest.mark.parametrize("family", ["Ubuntu-2204", "AzureLinux-V3"])
@pytest.mark.parametrize(
    "rest",
    [
        *("gen2containerd-fips-notreally", "gen2containerd-202611.03.0-fips", "gen2-2fips-1", "gen2nofips-1"),
        *("gen2fipsoff-1", "gen2fipscontainerdoff-1", "gen2fips/x"),
    ],
)
def test_fips_elsewhere_in_a_name_says_nothing(family: str, rest: str) -> None:
    assert not is_known_fips_name(f"AKS{family}{rest}")


@pytest.mark.parametrize(
    ("os_sku", "version", "expected"),
    [
        ("Ubuntu", "1.26.3", "Ubuntu 18.04"),
        ("Ubuntu", "1.27.0", "Ubuntu 20.04"),
        ("Ubuntu", "1.34.9", "Ubuntu 20.04"),
        ("Ubuntu", "1.34", "Ubuntu 20.04"),
        ("ubuntu", "1.35.0", "Ubuntu 22.04"),
        ("Ubuntu", "1.36.0", "Ubuntu 22.04"),
        ("Ubuntu", "1.37.0", None),
        ("Ubuntu", "2.0", None),
        ("Ubuntu2204", "1.24.9", None),
        ("Ubuntu2204", "1.25.0", "Ubuntu 22.04"),
        ("Ubuntu2204", "1.36.4", "Ubuntu 22.04"),
        ("Ubuntu2204", "1.37.0", None),
        ("Ubuntu2404", "1.34.2", "Ubuntu 24.04"),
        ("AzureLinux", "1.26.0", None),
        ("AzureLinux", "1.31.7", "Azure Linux 2.0"),
        ("AzureLinux", "1.32.0", "Azure Linux 3.0"),
        ("AzureLinux", "1.4", None),
        ("AZURELINUX3", "1.28.0", "Azure Linux 3.0"),
        ("AzureLinux3", "1.27.9", None),
        ("AzureLinux3", "1.37.0", None),
        ("AzureLinuxOSGuard", "1.33.0", "Azure Linux 3.0 with OS Guard"),
        ("AzureContainerLinux", "1.33.9", None),
        ("AzureContainerLinux", "1.34.0", "Azure Container Linux"),
        ("AzureLinux", "1.37.0", None),
        ("CBLMariner", "1.30.0", None),
        ("Flatcar", "1.33.0", "Flatcar Container Linux"),
        ("Windows2022", "1.34.2", "Windows Server 2022"),
        ("Windows2022", "1.37.0", None),
        ("Windows2025", "1.36.0", "Windows Server 2025"),
        ("Windows2025", "1.37.0", None),
        ("Haiku", "1.34.2", None),
        ("", "1.34.2", None),
        ("Ubuntu", "", None),
        ("Ubuntu", "latest", None),
        ("Ubuntu", "1", None),
        ("Ubuntu", "1.3x", None),
    ],
)
def test_os_sku_and_kubernetes_version_say_which_release_fips_would_be(
    os_sku: str, version: str, expected: str | None
) -> None:
    found = release_with_fips(os_sku, version)

    assert (found.name if found else None) == expected


def test_with_trusted_launch_ubuntu_is_22_04_already_where_it_would_be_20_04() -> None:
    found = release_with_fips("Ubuntu", "1.34.2", trusted_launch=True)

    assert found == named("Ubuntu 22.04")
    assert release_with_fips("Ubuntu2204", "1.34.2", trusted_launch=True) == named("Ubuntu 22.04")


@given(any_text | st.sampled_from(["1.34", "1.34.2"]), any_text | st.sampled_from(["Ubuntu", "AzureLinux"]))
def test_no_version_and_no_os_sku_raises(version: str, os_sku: str) -> None:
    found = release_with_fips(os_sku, version)

    assert found is None or found in matrix().releases


@given(st.integers(0, 9999), st.integers(0, 9999), st.sampled_from(["", ".0", ".12", ".101-akslts"]))
def test_a_version_is_read_by_its_first_two_numbers(major: int, minor: int, rest: str) -> None:
    assert minor_version(f"{major}.{minor}{rest}") == (major, minor)


class TestRetirement:
    """Told when it has happened and when it is near."""

    @pytest.mark.parametrize(
        ("name", "today", "words"),
        [
            ("Azure Linux 2.0", TODAY, "removed the node images of Azure Linux 2.0 on 2026-03-31"),
            ("Azure Linux 2.0", date(2026, 3, 30), "ended its support of Azure Linux 2.0 on 2025-11-30"),
            ("Azure Linux 2.0", date(2025, 11, 30), "its node images go on 2026-03-31"),
            ("Azure Linux 2.0", date(2025, 11, 29), "removes the node images of Azure Linux 2.0 on 2026-03-31"),
            ("Ubuntu 18.04", TODAY, "removed the node images of Ubuntu 18.04 on 2025-06-17"),
            ("Ubuntu 20.04", TODAY, "on 2027-03-17, in 114 days"),
            ("Ubuntu 20.04", date(2027, 3, 16), "in 1 days"),
            ("Ubuntu 20.04", date(2027, 3, 17), "removed the node images"),
            ("Ubuntu 20.04", date(2026, 9, 18), "in 180 days"),
            ("Ubuntu 20.04", date(2026, 9, 17), None),
            ("Ubuntu 22.04", TODAY, None),
            ("Ubuntu 24.04", TODAY, None),
            ("Azure Linux 3.0", TODAY, None),
            ("Azure Linux 3.0 with OS Guard", TODAY, "on 2027-03-10"),
            ("Flatcar Container Linux", TODAY, "on 2026-09-08"),
            ("Windows Server 2019", TODAY, "ended its support of Windows Server 2019 on 2026-03-01"),
            ("Windows Server 2022", TODAY, None),
        ],
    )
    def test_a_sentence_says_what_happens_when(self, name: str, today: date, words: str | None) -> None:
        found = retirement(named(name), today)

        assert found is None if words is None else words in (found or "")

    def test_without_a_day_for_the_images_the_end_of_support_is_told_alone(self) -> None:
        ended = replace(named("Ubuntu 24.04"), end_of_support=TODAY)

        assert retirement(ended, TODAY) == "AKS ended its support of Ubuntu 24.04 on 2026-11-23: no security updates."
        assert is_gone(ended, TODAY)
        assert not is_gone(ended, TODAY - timedelta(days=1))

    def test_a_release_without_support_is_not_gone_while_it_has_images(self) -> None:
        assert not is_gone(named("Azure Linux 2.0"), date(2026, 3, 30))
        assert is_gone(named("Azure Linux 2.0"), date(2026, 3, 31))

    def test_without_any_day_nothing_is_gone(self) -> None:
        assert not is_gone(named("Ubuntu 24.04"), date.max)

    @given(st.sampled_from(matrix().releases), st.dates())
    def test_what_is_gone_is_told_on_every_later_day(self, release: Release, today: date) -> None:
        if is_gone(release, today):
            assert retirement(release, today)
            assert is_gone(release, max(today, TODAY))


class TestData:
    """Every row of the file."""

    @pytest.mark.parametrize("release", matrix().releases, ids=lambda it: it.name)
    def test_a_release_is_whole(self, release: Release) -> None:
        assert release.source
        assert (
            release.end_of_support is None
            or release.images_removed is None
            or (release.end_of_support <= release.images_removed)
        )
        assert all(pattern == pattern.lower() for pattern in release.images)

    @pytest.mark.parametrize("release", matrix().releases, ids=lambda it: it.name)
    def test_each_release_with_known_images_is_found_by_one(self, release: Release) -> None:
        assert bool(release.images) == (release.name in IMAGES.values())

    @pytest.mark.parametrize("sku", matrix().os_skus, ids=lambda it: it.name)
    def test_an_os_sku_is_whole(self, sku: OsSku) -> None:
        assert sku.source
        assert sku.os_type in ("Linux", "Windows")
        assert sku.with_fips or sku.retired
        for before, after in zip(sku.with_fips, sku.with_fips[1:], strict=False):
            assert (minor_version(before.until) or (9, 9)) < (minor_version(after.since) or (0, 0))

    def test_no_name_is_there_twice(self) -> None:
        for names in ([it.name for it in matrix().releases], [it.name.lower() for it in matrix().os_skus]):
            assert len(set(names)) == len(names)

    def test_the_known_os_skus_are_those_of_the_matrix(self) -> None:
        assert {sku.name.lower() for sku in matrix().os_skus} == KNOWN_OS_SKUS

    def test_windows_has_fips_by_default_where_the_matrix_says_so(self) -> None:
        for sku in matrix().os_skus:
            default = all(named(row.release).fips is FipsSupport.DEFAULT for row in sku.with_fips)
            windows = pool(osType="Windows", osSKU=sku.name)
            assert fips_enabled_by_default(windows) == (sku.os_type == "Windows" and default)

    def test_the_file_is_packaged(self) -> None:
        packaged = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["shared"]
        kept_out = (ROOT / ".funcignore").read_text().split()
        for path in (ROOT / "shared/domain/data").iterdir():
            assert any(fnmatch(f"domain/data/{path.name}", pattern) for pattern in packaged), path.name
            assert not any(fnmatch(part, pattern) for part in ("data", path.name) for pattern in kept_out), path.name

    def test_the_matrix_survives_its_own_writing(self) -> None:
        assert typed(Matrix, plain(matrix())) == matrix()


def _given(**changes: Any) -> str:
    release = {"name": "A", "fips": "capable", "source": "s", **changes.pop("release", {})}
    sku = {"name": "S", "osType": "Linux", "trustedLaunch": "allowed", "source": "s", "withFips": []}
    newest = {"newestKubernetes": changes.pop("newest", "1.36"), "newestKubernetesSource": "s"}
    return json.dumps({"asOf": "2026-11-23", **newest, "releases": [release], "osSkus": [{**sku, **changes}]})


class TestABrokenFile:
    """It is named with the place of its fault, and nothing of it is used."""

    def test_a_good_one_is_read(self) -> None:
        made = parse(Matrix, _given(withFips=[{"release": "A"}]), FILE)

        release = Release("A", FipsSupport.CAPABLE, "s")
        sku = OsSku("S", "Linux", (WithFips("A"),), TrustedLaunch.ALLOWED, "s")
        assert checked(made) == Matrix(TODAY, "1.36", "s", (release,), (sku,))

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", r"os_releases.json: Expecting value"),
            ("[]", r"Matrix: expected dict, found list"),
            ("{}", r"Matrix: lacks `asOf`"),
            (_given(release={"fips": "yes"}), r"Matrix\.releases\[0\]\.fips: 'yes' is not a valid FipsSupport"),
            (_given(release={"imagesRemoved": "soon"}), r"Matrix\.releases\[0\]\.images_removed: Invalid isoformat"),
            (_given(release={"imagesRemoved": 5}), r"Matrix\.releases\[0\]\.images_removed: expected str, found int"),
            (_given(release={"imageRemoved": "2026-01-01"}), r"releases\[0\]: unknown key 'imageRemoved'"),
            (_given(release={"images": "x"}), r"Matrix\.releases\[0\]\.images: expected list"),
            (_given(arm64="yes"), r"Matrix\.os_skus\[0\]\.arm64: expected bool, found str"),
            (_given(withFips=[{"release": "A", "from": "1.2"}]), r"withFips\[0\]: unknown key 'from'"),
        ],
    )
    def test_it_does_not_fit_its_types(self, text: str, words: str) -> None:
        with pytest.raises(DataFileError, match=words):
            parse(Matrix, text, FILE)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            (_given(newest="new"), r"os_releases.json: newestKubernetes: 'new' is no version: write it as 1.34"),
            (_given(withFips=[{"release": "B"}]), r"OS SKU S: there is no release 'B'"),
            (_given(withFips=[{"release": "A", "trustedLaunch": "B"}]), r"OS SKU S: there is no release 'B'"),
            (_given(withFips=[{"release": "A", "since": "1"}]), r"OS SKU S: '1' is no version"),
            (_given(withFips=[{"release": "A", "until": "new"}]), r"OS SKU S: 'new' is no version"),
            (_given(release={"images": ["("]}), r"release A: pattern '\(': "),
        ],
    )
    def test_its_rows_do_not_fit_each_other(self, text: str, words: str) -> None:
        with pytest.raises(DataFileError, match=words):
            checked(parse(Matrix, text, FILE))

    def test_it_is_missing(self) -> None:
        with pytest.raises(DataFileError, match=r"none\.json: can't be read .* install the product again"):
            load(Matrix, "none.json")


def test_an_os_sku_says_everything_that_it_may_give_with_fips() -> None:
    given_by_ubuntu = [release.name for release in releases_with_fips("UBUNTU")]

    assert given_by_ubuntu == ["Ubuntu 18.04", "Ubuntu 20.04", "Ubuntu 22.04"]
    assert releases_with_fips("CBLMariner") == releases_with_fips("Haiku") == ()


def test_an_os_sku_is_found_whatever_its_case() -> None:
    assert os_sku_named("AZURElinux3") == os_sku_named("AzureLinux3")
    assert os_sku_named("Haiku") is None
