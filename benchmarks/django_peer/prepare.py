"""Copy the campus for Django and sign the same two people in by Django's own sessions; prints a JSON object of role: cookie."""

import json
import os
import shutil
import sqlite3
import sys
from pathlib import Path


def main(campus: str, copy: str, *people: str) -> None:
    """`people` are written role:person id."""
    for old in Path(copy).parent.glob(Path(copy).name + "*"):
        old.unlink()
    with sqlite3.connect(campus) as source, sqlite3.connect(copy) as target:
        source.backup(target)
    shutil.copymode(campus, copy)
    os.environ.update(PEER_DATABASE=copy, DJANGO_SETTINGS_MODULE="benchmarks.django_peer.settings")
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    print(json.dumps({role: _sign_in(role, int(number)) for role, _, number in (each.partition(":") for each in people)}))


def _sign_in(role: str, person_id: int) -> str:
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.db import SessionStore

    from benchmarks.django_peer.models import Person

    person = Person.objects.get(pk=person_id)
    user = User.objects.create(
        id=person_id, username=role, password="!", first_name=person.given_name, last_name=person.family_name,
    )
    session = SessionStore()
    session[SESSION_KEY], session[BACKEND_SESSION_KEY] = str(user.pk), "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY], session["role"] = user.get_session_auth_hash(), role
    session.create()
    return f"sessionid={session.session_key}; csrftoken={'c' * 32}"


if __name__ == "__main__":
    main(*sys.argv[1:])
