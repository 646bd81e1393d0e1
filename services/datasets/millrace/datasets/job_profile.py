"""Makes the profile of a version."""

from millrace.chassis import Blobs, Database, Job, works


@works("profile")
async def job_profile(job: Job, *, db: Database, blobs: Blobs) -> None:
    pass
