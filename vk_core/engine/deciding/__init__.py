"""Decides about one pod: what to do next (`plan`) and what its status is (`status`). Pure, without IO and clock.

Whoever drives it does the same again and again, whenever something has changed or the time that the plan names has
come: look at the runtime, make the status (`pod_status`), remember it (`PodMemory.reported`), make a plan (`plan`), and
begin with the steps of it that are not under way yet, noting in the memory what has begun and what came of it. A plan
never waits for another one: steps under way are simply planned again until they are seen to be done.

Whatever is lost on the way, the memory included, the next plan is right for what there is. It knows nothing of how a
step is taken: of images, hooks, volumes, or of how a container is configured.
"""
