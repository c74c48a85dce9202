"""What `fipswarden evidence verify` tells besides its verdict: what was not verified, and what nothing vouches for."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from shared.domain.looks import SILENT
from shared.domain.pack import INDEX, PAGE
from shared.domain.wording import count

if TYPE_CHECKING:
    from shared.verifying import Asked, Seen, Verification

_NAMED = 5
"""So many chains a note names; `--output json` has them all."""


def notes(verification: "Verification", *, plain_copy: bool) -> Iterator[str]:
    """Yield what a verdict does not say by itself."""
    seen, asked = verification.seen, verification.asked
    yield from _scope(seen, asked)
    yield from _outside(seen, asked)
    if seen.unsigned:
        yield f"manifests without a signature: {seen.unsigned:,}"
    if not seen.manifests:
        yield "there are no manifests: nothing outside the evidence account vouches for any of it"
    elif seen.unanchored:
        yield f"records behind the last manifest: {seen.unanchored:,}; no manifest vouches for them yet"
    if seen.manifests and seen.unnamed:
        yield f"{count(len(seen.unnamed), 'chain')} that no manifest names: {_some(seen.unnamed)}"
    if plain_copy:
        yield "the folder is no pack: where its chains end behind the last manifest, nothing says"
    elif verification.sums:
        when = f"{asked.now:%Y-%m-%d %H:%M} UTC"
        yield f"the pack says that it is of {when}: nothing vouches for that, for the rest of {INDEX}, or for {PAGE}"
    if seen.foreign:
        yield f"not as this version of fipswarden writes it, and nothing else vouches for it: {_some(seen.foreign)}"


def late(seen: "Seen", asked: "Asked") -> bool:
    """Say whether a manifest should have come after the last one: there is one a day."""
    return seen.at is not None and asked.now - seen.at > SILENT


def _scope(seen: "Seen", asked: "Asked") -> Iterator[str]:
    if asked.scope.cluster:
        yield f"only the cluster {asked.scope.cluster}, the fleet's chain and the manifests were verified"
    if not seen.after:
        return
    whose = "a key that was given has to vouch for" if asked.trusted else "may be signed by any key"
    yield (
        f"verified from manifest {seen.after} on, which {whose}: "
        f"clusters' records up to the heads in manifest {seen.after} were not verified"
    )
    if seen.quiet:
        chains = count(len(seen.quiet), "chain")
        yield f"{chains} without a record behind manifest {seen.after}; how it is there was not read: " + _some(
            seen.quiet
        )


def _outside(seen: "Seen", asked: "Asked") -> Iterator[str]:
    if seen.last_date:
        compare = "compare it with your mail, or give --manifest"
        known = "it is the one that was given" if seen.last in asked.told else compare
        yield f"last manifest: {seen.last.seq} of {seen.last_date}, SHA-256 {seen.last.hash}; {known}"
    if seen.at and late(seen, asked):
        hours = (asked.now - seen.at).total_seconds() / 3600
        when = f"at {asked.now:%Y-%m-%d %H:%M} UTC it was {hours:,.0f} hours old"
        yield f"{when}, and one is made a day: those after it were not made, or were taken away"
    for key, (first, last) in seen.keys.items():
        which = f"manifest {first} names" if first == last else f"manifests {first} to {last} name"
        yield f"{which} the key {key}{_known(key, asked)}"
    if seen.trusted_from > 1:
        yield (
            f"manifest {seen.trusted_from} is the first that is signed by a key that was given; it vouches for those "
            "before it, whoever signed them: each holds the hash of the one before"
        )


def _known(key: str, asked: "Asked") -> str:
    if not asked.trusted:
        return "; nobody vouched for it: compare it with your mail, or give --key"
    return "" if key in asked.trusted else ", which was not given"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"
