from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from server.event_rows import at, call, span

from llmobserve_server.query.tree import Tree


def tree(*rows: dict[str, Any], run_name: str | None = "answer") -> dict[str, tuple[str | None, str, str, bool]]:
    """Span id → parent, kind, name, synthetic."""
    blank = {"span_id": None, "parent_span_id": None, "section_path": None, "merged_into": None, "duration_ms": None}
    nodes = Tree([{**blank, **row} for row in rows], run_name=run_name).nodes
    return {
        node["span_id"]: (node["parent_span_id"], node["kind"], node["name"], bool(node.get("synthetic")))
        for node in nodes
    }


def test_a_missing_parent_is_named_by_the_path_of_its_children():
    nodes = tree(
        span("run", at(0), "run", "answer", span_id="R"),
        call("c", at(1), span_id="C", parent_span_id="T", section_path="agent:researcher/tool:search"),
        call("d", at(2), span_id="D", parent_span_id="T", section_path="agent:researcher/tool:search"),
    )
    assert nodes["C"][0] == nodes["D"][0] == "T"
    agent = nodes["T"][0]
    assert nodes["T"] == (agent, "tool", "search", True)
    assert agent is not None
    assert nodes[agent] == ("R", "agent", "researcher", True)
    assert len(nodes) == 5


def test_a_missing_tool_hangs_under_the_agent_that_did_arrive():
    nodes = tree(
        span("run", at(0), "run", "answer", span_id="R"),
        span("a", at(0), "agent", "researcher", span_id="A", parent_span_id="R", section_path="agent:researcher"),
        call("c", at(1), span_id="C", parent_span_id="T", section_path="agent:researcher/tool:search"),
    )
    assert nodes["T"] == ("A", "tool", "search", True)


def test_a_span_names_its_missing_parent_by_its_path_without_itself():
    nodes = tree(
        span(
            "t", at(0), "tool", "search", span_id="T", parent_span_id="A", section_path="agent:researcher/tool:search"
        ),
        span("run", at(0), "run", "answer", span_id="R"),
    )
    assert nodes["A"] == ("R", "agent", "researcher", True)


def test_a_missing_run_span_is_made_from_the_name_of_the_run():
    nodes = tree(
        span("a", at(0), "agent", "x", span_id="A", parent_span_id="R", section_path="agent:x"),
        span("b", at(1), "agent", "y", span_id="B", parent_span_id="R", section_path="agent:y"),
    )
    assert nodes["R"] == (None, "run", "answer", True)
    assert nodes["A"][0] == nodes["B"][0] == "R"


def test_an_orphan_without_a_path_moves_to_the_run():
    nodes = tree(
        span("run", at(0), "run", "answer", span_id="R", parent_span_id="outside"),
        call("c", at(1), span_id="C", parent_span_id="gone"),
    )
    assert nodes == {"R": (None, "run", "answer", False), "C": ("R", "llm", "chat.completions", False)}


def test_a_synthetic_span_covers_what_is_below_it():
    rows = [
        call("c", at(1), span_id="C", parent_span_id="T", section_path="tool:s", duration_ms=500.0),
        call("d", at(1, seconds=2), span_id="D", parent_span_id="T", section_path="tool:s", duration_ms=1000.0),
    ]
    nodes = Tree([{"merged_into": None, **row} for row in rows], run_name=None).nodes
    made = next(node for node in nodes if node["span_id"] == "T")
    assert (made["start_time"], made["duration_ms"]) == (at(1), 3000)
    assert nodes[0] is made


def test_children_of_a_merged_record_move_to_the_one_that_counts():
    nodes = tree(
        call("winner", at(0), span_id="W"),
        call("loser", at(0), span_id="L", merged_into="winner"),
        span("s", at(1), span_id="S", parent_span_id="L"),
    )
    assert set(nodes) == {"W", "S"}
    assert nodes["S"][0] == "W"


def test_records_of_one_call_inside_each_other_are_one_node_in_the_place_of_the_outermost():
    nodes = tree(
        span("run", at(0), "run", "answer", span_id="R"),
        call("framework", at(1), span_id="F", parent_span_id="R", merged_into="sdk"),
        call("outer", at(1), span_id="O", parent_span_id="F", merged_into="sdk"),
        span("http", at(1), "step", "http", span_id="H", parent_span_id="O"),
        call("sdk", at(2), span_id="S", parent_span_id="H"),
        call("beside", at(2), span_id="B", parent_span_id="O", merged_into="sdk"),
        span("below", at(3), "step", "below", span_id="X", parent_span_id="B"),
    )
    assert {name: parent for name, (parent, *_) in nodes.items()} == {"R": None, "H": "R", "S": "H", "X": "S"}


def test_a_merged_record_stays_where_the_other_is_elsewhere():
    assert set(tree(call("loser", at(0), span_id="L", merged_into="far away"))) == {"L"}


@pytest.mark.parametrize("chain", ["AA", "AB BA", "AB BC CA", "AB BC CB", "RA AB BR"])
def test_circles_are_cut(chain: str):
    pairs = {pair[0]: pair[1] for pair in chain.split()}
    rows = [span(name, at(0), "run" if name == "R" else "agent", name, span_id=name, parent_span_id=parent)
            for name, parent in pairs.items()]  # fmt: skip
    nodes = tree(*rows)
    assert set(nodes) == set(pairs)
    assert_is_forest(nodes)


def assert_is_forest(nodes: dict[str, tuple[str | None, str, str, bool]]) -> None:
    for name in nodes:
        seen: set[str] = set()
        above: str | None = name
        while above is not None:
            assert above not in seen
            assert above in nodes
            seen.add(above)
            above = nodes[above][0]


_NAMES = st.sampled_from("ABCDEF")
_PATHS = st.sampled_from([None, "", "agent:x", "agent:x/tool:y", "plain", "/", "tool:y", "a/b/c", ":", "agent:"])


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(_NAMES, st.one_of(st.none(), _NAMES), _PATHS, st.sampled_from(["run", "agent", "call"])), max_size=8
    )
)
def test_whatever_arrives_becomes_a_forest_with_every_record_in_it(records):
    rows = []
    for number, (name, parent, path, kind) in enumerate(records):
        facts: dict[str, Any] = {
            "span_id": name,
            "parent_span_id": parent,
            "section_path": path,
            "duration_ms": 1.0,
            "merged_into": None,
        }
        make = call(f"e{number}", at(number), **facts) if kind == "call" else span(f"e{number}", at(0), kind, **facts)
        rows.append(make)
    nodes = Tree(rows, run_name=None).nodes
    assert {row["event_id"] for row in rows} <= {node["event_id"] for node in nodes}
    by_span = {node["span_id"]: (node["parent_span_id"], "", "", False) for node in nodes}
    assert len(by_span) == len(nodes)
    assert_is_forest(by_span)
    assert all(node["parent_span_id"] is None or node["parent_span_id"] in by_span for node in nodes)
