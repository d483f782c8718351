"""agentpolicy decides what an AI agent may do: one policy file, compiled into a decision engine.

``Engine.load`` reads a policy; ``engine.decide`` answers what a call may do; ``guard(engine)`` puts the policy in front
of a tool function.
"""

from agentpolicy.effects.call import ToolCall
from agentpolicy.effects.effect import Effect
from agentpolicy.effects.host import Host
from agentpolicy.engine.decision import Decision
from agentpolicy.engine.engine import Engine
from agentpolicy.engine.errors import ApprovalRequired, Denied, FactError, NotAllowed
from agentpolicy.engine.guard import guard
from agentpolicy.engine.markers import Connects, Deletes, Gets, Posts, Reads, Shell, Writes
from agentpolicy.engine.policy import Policy
from agentpolicy.engine.record import JsonLines, Recorder
from agentpolicy.engine.reload import Reload
from agentpolicy.engine.review import ApprovalRequest, Reviewer
from agentpolicy.engine.session import Session
from agentpolicy.engine.situation import Agent, User
from agentpolicy.language.source import Diagnostic, PolicyError

__all__ = [
    "Agent",
    "ApprovalRequest",
    "ApprovalRequired",
    "Connects",
    "Decision",
    "Deletes",
    "Denied",
    "Diagnostic",
    "Effect",
    "Engine",
    "FactError",
    "Gets",
    "Host",
    "JsonLines",
    "NotAllowed",
    "Policy",
    "PolicyError",
    "Posts",
    "Reads",
    "Recorder",
    "Reload",
    "Reviewer",
    "Session",
    "Shell",
    "ToolCall",
    "User",
    "Writes",
    "guard",
]
__version__ = "0.1.0"
