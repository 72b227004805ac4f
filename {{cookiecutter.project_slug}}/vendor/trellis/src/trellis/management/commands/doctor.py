"""`manage.py doctor`: does all that the project depends on work? It takes some seconds."""

from django.core.management.base import BaseCommand, CommandError

from trellis import probes


class Command(BaseCommand):
    help = "Check each server and setting, and print a fix for each failure."
    requires_system_checks = []  # they are one of the questions

    def handle(self, *args: object, **options: object) -> None:
        failed = []
        for probe in probes.ALL:
            if probe.needs in failed:
                self.stdout.write(f"-    {probe.name:<11} cannot be asked without {probe.needs}")
                failed.append(probe.name)
                continue
            answer = probes.answer(probe)
            self.stdout.write(f"{'ok' if answer.ok else 'FAIL':<5}{probe.name:<11} {answer.text}")
            if not answer.ok:
                self.stdout.write(f"{'':<17}{probe.fix}")
                failed.append(probe.name)
        if failed:
            raise CommandError(f"{len(failed)} of {len(probes.ALL)} checks failed.")
