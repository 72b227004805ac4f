from django.db import migrations, models

from conventions import indexes


class Migration(migrations.Migration):
    atomic = False  # an index that is built while others write cannot be

    dependencies = [("catalog", "0001_initial")]

    operations = [
        indexes.AddIndex(
            model_name="workshop",
            index=models.Index(
                fields=["title_key"], opclasses=["varchar_pattern_ops"], name="workshop_title_key"
            ),
        ),
        indexes.AddIndex(
            model_name="session",
            index=models.Index(
                fields=["workshop", "starts_at", "id"], name="session_of_workshop"
            ),
        ),
    ]
