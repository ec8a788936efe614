"""Feature services in a run of Dagster's: described as after a build from the command line."""

from __future__ import annotations

import headrace as hr
from headrace.builder.project import project_from
from headrace.orchestration.definitions import definitions
from headrace.store.services import published_services, read_service, services_folder


def test_a_run_publishes_services(folder, declare, project):
    declared = declare()
    view = next(one for one in project_from(declared, folder).graph.nodes.values() if isinstance(one, hr.FeatureView))
    job = definitions([*declared, hr.FeatureService("asked", features=view)]).resolve_job_def("build_all")
    assert job.execute_in_process(raise_on_error=False).success
    assert published_services(project.store_folder, "dev") == ["asked"]
    found = read_service(services_folder(project.store_folder, "dev") / "asked.json")
    assert tuple(name for name, _ in found.outputs) == view.feature_names()
