"""smolagents: agents, managed agents, steps and tools in the tree, each provider call once."""

import pytest
from loopback.server import Loopback

from frameworks.environments import OPENAI_3, Environments
from frameworks.program import CALL_USD, run_program
from frameworks.scripted import environment_of, scripted

pytestmark = pytest.mark.packaging

PROGRAM = """
from smolagents import CodeAgent, OpenAIModel, Tool, ToolCallingAgent, tool

with_openinference(("smolagents", "SmolagentsInstrumentor"), ("openai", "OpenAIInstrumentor"))
model = OpenAIModel(
    "gpt-4o-mini",
    api_base=os.environ["OPENAI_BASE_URL"],
    api_key="demo",
    client_kwargs={"max_retries": 0},
)


@tool
def search(query: str) -> str:
    '''Finds papers.

    Args:
        query: what to find
    '''
    return "three papers"


class Count(Tool):
    name = "count"
    description = "Counts words."
    inputs = {"text": {"type": "string", "description": "a text"}}
    output_type = "string"

    def forward(self, text: str) -> str:
        return "12"


def agent(tools, **options):
    return ToolCallingAgent(tools, options.pop("model", model), verbosity_level=0, **options)


def desk():
    writer = agent([Count()], name="writer", description="writes texts")
    return agent([search], name="boss", managed_agents=[writer])


with llmobserve.run("desk"):
    seen["desk"] = desk().run("Write")
with llmobserve.run("streamed"):
    for part in agent([search], stream_outputs=True).run("Find", stream=True):
        with llmobserve.section("step:between"):
            pass
with llmobserve.run("code"):
    coder = CodeAgent([search], model, name="coder", verbosity_level=0, planning_interval=5)
    seen["code"] = coder.run("Write code")
with llmobserve.run("too many steps"):
    agent([search], max_steps=1).run("Find")
of_two_customers(lambda: desk().run("Write"))
with llmobserve.run("refused"):
    seen["refused"] = failure(lambda: agent([search]).run("Refuse this"))
"""
DESK = """\
agent boss
  step Step 1
    call
    tool search
  step Step 2
    call
    agent writer
      step Step 1
        call
        tool count
      step Step 2
        call
        tool final_answer
  step Step 3
    call
    tool final_answer"""
STREAMED = """\
agent ToolCallingAgent
  step Step 1
    call
    tool search
  step Step 2
    call
    tool final_answer"""
CODE = """\
agent coder
  step Planning
    call
  step Step 1
    call
    tool search
    tool final_answer"""
TOO_MANY = """\
agent ToolCallingAgent
  step Step 1
    call
    tool search
  step Final answer
    call"""
REFUSED = """\
agent ToolCallingAgent !
  step Step 1 !
    call !"""


def say(conversation: str) -> str | None:
    if "Write code" not in conversation or "facts survey" in conversation.rpartition("role")[2]:
        return None
    return "Thought: look.\n<code>\nfound = search(query='cats')\nfinal_answer(found)\n</code>"


@pytest.mark.parametrize("mode", ["plain", "openinference", "openinference first"])
def test_tree_and_cost(environments: Environments, mode: str) -> None:
    answers = scripted(arguments={"final_answer": {"answer": "done"}}, last="final_answer", say=say)
    with Loopback(answers) as server:
        outcome = run_program(environments.python(OPENAI_3), PROGRAM, environment_of(server), mode=mode)
    assert outcome.states("smolagents") == {"active"}
    for run in ("desk", "run of c1", "run of c2"):
        assert outcome.tree(run) == DESK, run
    assert (outcome.customers("run of c1"), outcome.customers("run of c2")) == ({"c1"}, {"c2"})
    streamed = outcome.tree("streamed").splitlines()
    assert "\n".join(line for line in streamed if line != "step between") == STREAMED
    assert streamed.count("step between") > 4
    assert outcome.tree("code") == CODE
    assert outcome.tree("too many steps") == TOO_MANY
    assert outcome.tree("refused") == REFUSED
    assert outcome.seen == {"desk": "done", "code": "three papers", "refused": "AgentGenerationError"}
    # Three desks of 5, streamed 2, code 2, too many steps 2; one refused.
    assert len(outcome.calls) == len(server.ledger) == 22
    assert outcome.usd == 21 * CALL_USD
