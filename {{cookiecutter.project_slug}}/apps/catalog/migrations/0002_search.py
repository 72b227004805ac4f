from django.db import migrations, models
from trellis import reads



class Migration(migrations.Migration):
    atomic = False  # an index that is built while others write cannot be

    dependencies = [("catalog", "0001_initial")]

    operations = [
        reads.AddIndex(
            model_name="workshop",
            index=models.Index(
                fields=["title_key"], opclasses=["varchar_pattern_ops"], name="workshop_title_key"
            ),
        ),
        reads.AddIndex(
            model_name="session",
            index=models.Index(
                fields=["workshop", "starts_at", "id"], name="session_of_workshop"
            ),
        ),
    ]
