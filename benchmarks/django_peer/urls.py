"""The pages that are compared, and the addresses that they link to."""

from django.urls import path

from benchmarks.django_peer import views

urlpatterns = [
    path("", views.home, name="home"), path("listings", views.listings, name="listings"), path("queue", views.queue, name="queue"),
    *(
        path(address, views.elsewhere, name=name)
        for name, address in {
            "listing": "listings/<int:id>", "decision": "queue/<int:id>", "preview": "queue/preview", "placements": "placements",
            "new_placement": "placements/new", "placement": "placements/<int:id>", "credit": "credit", "request": "credit/<int:id>",
            "edit_request": "credit/<int:id>/edit", "evaluations": "evaluations", "debrief": "debrief/<int:id>",
            "sessions": "me/sessions", "address": "me/address", "platforms": "platforms",
            "held": "platforms/held", "same_work": "platforms/same-work", "sign_out": "sign-out", "accessibility": "accessibility",
        }.items()
    ),
]
