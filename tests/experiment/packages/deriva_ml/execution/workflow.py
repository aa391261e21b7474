class Workflow:
    """Running git when it is made, as the real one does, would be a failure here: nothing may make one."""

    def __init__(self, name: str, workflow_type: list[str], description: str = "", url: str | None = None) -> None:
        raise RuntimeError("a composition must not instantiate")
