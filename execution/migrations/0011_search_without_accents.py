from django.db import migrations, transaction

from nexo.shared.folding import folded

# So many rows are held for some milliseconds.
AT_ONCE = 1_000
# Not where somebody has edited the task since it was read.
UPDATE = "UPDATE execution_task SET search_text = %s WHERE id = %s AND search_text = %s"


def fold(apps, schema_editor):
    connection = schema_editor.connection
    tasks = apps.get_model("execution", "Task").objects.using(connection.alias).order_by("id")
    last = 0
    while rows := list(tasks.filter(id__gt=last).values_list("id", "search_text")[:AT_ONCE]):
        last = rows[-1][0]
        other = [(folded(text), pk, text) for pk, text in rows if not text.isascii()]
        if other:
            with transaction.atomic(connection.alias), connection.cursor() as cursor:
                cursor.executemany(UPDATE, other)


class Migration(migrations.Migration):
    """Tasks are found without their accents, those too that were there before."""

    atomic = False
    dependencies = [("execution", "0010_counts_and_search_of_many_tasks")]
    operations = [migrations.RunPython(fold, migrations.RunPython.noop, elidable=True)]
