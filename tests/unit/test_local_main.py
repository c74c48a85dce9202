"""`make local`: what an ended local Azure left must not stand in the way of the next one."""

from pathlib import Path

from local.main import forget


def test_the_logins_to_a_world_that_is_gone_are_forgotten_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "azure" / "commands").mkdir(parents=True)
    for name in ("env.sh", "kubeconfig", "azure/clouds.config", "app.log"):
        (tmp_path / name).write_text("old")

    forget(tmp_path)
    forget(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["app.log"]
