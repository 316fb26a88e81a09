"""A sign-in for every session that is open now, so that its person can see and end it.

With what browser and from where it was is not known; when, only from when the session ends.
"""

from datetime import timedelta

from django.apps.registry import Apps
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import migrations
from django.utils import timezone

BATCH = 500


def backfill(apps: Apps, schema_editor: object) -> None:
    session_model = apps.get_model("sessions", "Session")
    sign_in_model = apps.get_model("accounts", "SignIn")
    known = {
        str(pk): pk for pk in apps.get_model("auth", "User").objects.values_list("pk", flat=True)
    }
    lifetime = timedelta(seconds=settings.SESSION_COOKIE_AGE)
    decode = SessionStore().decode
    made = []
    sessions = session_model.objects.filter(expire_date__gt=timezone.now(), sign_in=None)
    for session in sessions.iterator(BATCH):
        user_id = known.get(decode(session.session_data).get(SESSION_KEY, ""))
        if user_id is not None:
            at = session.expire_date - lifetime
            made.append(sign_in_model(session=session, user_id=user_id, at=at))
    sign_in_model.objects.bulk_create(made, batch_size=BATCH)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_sign_ins"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [migrations.RunPython(backfill, migrations.RunPython.noop)]
