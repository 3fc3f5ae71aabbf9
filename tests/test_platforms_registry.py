"""Finding plugins, configuring them, and keeping their mistakes their own."""

import sys
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import EntryPoint

import pytest
from msgspec import structs

from careercenter.platforms import contract, draft, manifest, reading, registry
from careercenter.platforms.contract import (
    Completeness,
    ConfigError,
    End,
    PluginFault,
    Record,
    State,
    TermsBlocked,
)
from careercenter.platforms.kinds import manifest as described

NOW = datetime(2026, 11, 22, tzinfo=UTC)


class Scripted:
    """A third party's plugin whose reading is a list of messages or errors."""

    def __init__(self, *script, draft=None):
        self.script, self.draft = script, draft

    def spec(self):
        return replace(registry.get("greenhouse").spec(), id="scripted")

    def check(self, cfg, http):
        return contract.CheckResult(True)

    def discover(self, cfg, http):
        return []

    def read(self, cfg, board, state, http):
        for item in self.script:
            if isinstance(item, BaseException):
                raise item
            yield item

    def normalize(self, raw, cfg):
        if isinstance(self.draft, BaseException):
            raise self.draft
        return self.draft


def record(post_id):
    return Record(post_id, b"{}", None, NOW)


def read(*script):
    return list(reading.messages(Scripted(*script), None, "b", None, None))


def test_the_in_tree_plugin_is_found_like_any_other():
    plugin = registry.get("greenhouse")
    assert isinstance(plugin, contract.Plugin)
    assert plugin.spec().contract_version == contract.CONTRACT_VERSION
    registry.require_terms(plugin.spec())


def test_unknown_plugin_names_a_near_one():
    with pytest.raises(ConfigError, match="greenhouse"):
        registry.get("grenhouse")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise RuntimeError('no licence file')", "no licence file"),
        ("import sys; sys.exit(3)", "SystemExit"),
        ("def x(:", "SyntaxError"),
        ("plugin = object()", "lacks one of the methods"),
        ("import nothing_like_this", "ModuleNotFoundError"),
    ],
)
def test_a_broken_plugin_is_listed_with_its_reason(tmp_path, monkeypatch, source, reason):
    (tmp_path / "broken_platform_plugin.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop("broken_platform_plugin", None)
    found = registry._load(EntryPoint("broken", "broken_platform_plugin:plugin", contract.ENTRY_POINT_GROUP))
    assert isinstance(found, registry.BrokenPlugin)
    assert reason in found.reason


def test_options_are_checked_all_at_once():
    plugin = registry.get("greenhouse")
    with pytest.raises(ConfigError) as caught:
        registry.configure(plugin, "nonsense", {"tokn": "x", "metadata_names": {"A": "nothing"}})
    assert len(caught.value.problems) == 3
    cfg = registry.configure(plugin, "https://x.example/", {}, ["a", "b"])
    assert (cfg.base_url, cfg.boards) == ("https://x.example", ("a", "b"))


def test_unreviewed_terms_block():
    spec = registry.get("greenhouse").spec()
    with pytest.raises(TermsBlocked):
        registry.require_terms(replace(spec, terms=replace(spec.terms, reviewed_on=None)))


def test_a_manifest_tells_all_its_mistakes(tmp_path, monkeypatch):
    package = tmp_path / "badmanifest"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "manifest.toml").write_text('[plugin]\nid = "x"\ncolour = "red"\n')
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError) as caught:
        manifest.load_spec("badmanifest", contract.PluginConfig)
    assert {"label", "version", "kind", "colour"} <= {
        p.split("plugin.")[1].rstrip(".") for p in caught.value.problems
    }


def test_a_manifest_tells_its_mistakes_of_what_fields_mean(tmp_path, monkeypatch):
    package = tmp_path / "badfields"
    package.mkdir()
    (package / "__init__.py").write_text("")
    fields = '[fields]\ncolour = "red"\nkind = { fixed = "hobby" }\npay = { max = 5, unti = "u" }\n'
    (package / "manifest.toml").write_text(f'[read]\nid = "id"\n{fields}')
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError) as caught:
        described.load("badfields")
    assert {"title", "colour", "kind.fixed", "pay.max", "pay.unti"} == {
        p.split("fields.", 1)[1].split(":")[0] for p in caught.value.problems
    }


def test_missing_end_is_partial():
    *_, end = read(record("1"))
    assert isinstance(end, End)
    assert (end.completeness, end.seen_unique) == (Completeness.PARTIAL, 1)


def test_an_end_that_claims_too_much_is_not_believed():
    for claim in (
        End(Completeness.COMPLETE, 3, 3),
        End(Completeness.COMPLETE, 2, 1),
        End(Completeness.COMPLETE, None, 2),
    ):
        *_, end = read(record("1"), claim)
        assert end.completeness is Completeness.PARTIAL
    *_, end = read(record("1"), record("1"), End(Completeness.COMPLETE, 1, 1))
    assert end.completeness is Completeness.COMPLETE
    *_, end = read(End(Completeness.COMPLETE, unchanged=True))
    assert end.unchanged


@pytest.mark.parametrize(
    "script",
    [
        (ValueError("boom"),),
        ("text",),
        (record(""),),
        (End(Completeness.UNKNOWN), record("1")),
        (State(), None),
    ],
)
def test_broken_reading_is_the_plugins_fault(script):
    with pytest.raises(PluginFault):
        read(*script)


def test_platform_errors_pass_as_they_are():
    with pytest.raises(contract.BoardGone):
        read(contract.BoardGone("gone.", 404, "x"))


def test_a_record_that_breaks_the_plugin_is_a_reject():
    for result in (KeyError("x"), None, "listing", contract.SchemaDrift("Odd.")):
        assert isinstance(reading.draft_of(Scripted(draft=result), b"{}", None), draft.Reject)


def test_content_hash_ignores_stamps_and_sees_everything_else():
    one = draft.ListingDraft(
        "T", draft.Employer("E"), draft.ListingKind.JOB, draft.Apply(url="https://x.example")
    )
    assert draft.content_hash(one) == draft.content_hash(
        structs.replace(one, source_updated_at=NOW, provenance={"pay": "mapped"})
    )
    for change in (
        {"title": "U"},
        {"posted_at": NOW},
        {"pay": draft.Pay(draft.PayKind.UNPAID)},
        {"description_html": "x"},
    ):
        assert draft.content_hash(one) != draft.content_hash(structs.replace(one, **change))
