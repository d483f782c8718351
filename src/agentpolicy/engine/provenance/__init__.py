"""Where a value came from: the user, the policy, a label, untrusted text, or nowhere."""

from agentpolicy.engine.provenance.identifier import Identifier
from agentpolicy.engine.provenance.identifiers import identifiers
from agentpolicy.engine.provenance.observe import MOST_CHARACTERS, Seen, seen_in
from agentpolicy.engine.provenance.origins import Trace, Traced, is_from, origin_of, trace
from agentpolicy.engine.provenance.passages import passage
from agentpolicy.engine.provenance.sightings import (
    MOST_BYTES,
    NOWHERE,
    POLICY,
    TRUSTED,
    UNTRUSTED,
    USER,
    Sightings,
)

__all__ = [
    "MOST_BYTES",
    "MOST_CHARACTERS",
    "NOWHERE",
    "POLICY",
    "TRUSTED",
    "UNTRUSTED",
    "USER",
    "Identifier",
    "Seen",
    "Sightings",
    "Trace",
    "Traced",
    "identifiers",
    "is_from",
    "origin_of",
    "passage",
    "seen_in",
    "trace",
]
