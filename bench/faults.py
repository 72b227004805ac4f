"""The faults that `make mutate` seeds: what a tired person writes, and who would suffer from it."""

from dataclasses import dataclass
from pathlib import Path

FOLDER = "{" + "{cookiecutter.project_slug}" + "}"


@dataclass(frozen=True)
class Fault:
    """One replacement, and what it would do to people.

    `path` is in the generated project's folder; with a slash in front, in the template. `old` is
    short, so that it survives changes around it, and occurs once. `caught_by` is where a test is
    expected: arguments of the template's pytest (on PostgreSQL, if they begin with `postgres `), or,
    if they begin with `project `, of a project's pytest, or a step of its `make check`. `along` is
    what a person would change with it.
    """

    what: str
    path: str
    old: str
    new: str
    caught_by: str
    along: "Fault | None" = None

    def file(self, template: Path) -> Path:
        """Return the file that it goes into. Raises `ValueError` if the text is not there once."""
        root = template if self.path.startswith("/") else template / FOLDER
        path = root / self.path.removeprefix("/")
        found = path.read_text().count(self.old) if path.is_file() else 0
        if found != 1:
            raise ValueError(f"{self.path} has {self.old!r} {found} times")
        return path


SETTINGS, CELERY, ENVIRONMENT = "config/settings.py", "config/celery.py", ".env.example"
DOCKERFILE, COMPOSE, WORKFLOW = "Dockerfile", "compose.yaml", ".github/workflows/ci.yml"
HOSTS = "compose.hosts.yaml"
BOOKINGS, CATALOG = "apps/bookings", "apps/catalog"
ACCOUNTS = "apps/accounts/services.py"
LIBRARY = "vendor/trellis/src/trellis"
MAP, ARCHITECTURE, MAP_TESTS = (
    f"{LIBRARY}/web/map.py",
    f"{LIBRARY}/web/architecture.py",
    "tests/library/test_map.py",
)
LIMITS, LIMIT_TESTS = f"{LIBRARY}/web/limits.py", "tests/library/test_limits.py"
T = "tests/template"
IMAGE, PAGES, DELIVERY = f"{T}/test_image.py", f"{T}/test_pages.py", f"{T}/test_delivery.py"
SERVING, NGINX = f"{T}/test_serving.py", "deploy/nginx.conf"
LOOKS, DEPLOY = f"{T}/test_looks.py", f"{T}/test_deploy.py"
SET, PROJECT = f"{T}/test_settings.py", f"{T}/test_project.py"
ENV, UPLOADS = "tests/library/test_env.py", "tests/library/test_uploads.py"

FAULTS = (
    # Settings, and who may do what
    Fault("no page has a content security policy", SETTINGS, '    "django.middleware.csp.ContentSecurityPolicyMiddleware",\n', "", "project tests"),
    Fault("session cookies travel in the clear", SETTINGS, "SESSION_COOKIE_SECURE = True", "SESSION_COOKIE_SECURE = False", SET),
    Fault("production starts without a mail server", f"{LIBRARY}/env.py", 'schemes=(*MAIL_PORTS,), default="", example=example, needed=True', 'schemes=(*MAIL_PORTS,), default="", example=example', SET),
    Fault("production starts with a short secret", f"{LIBRARY}/env.py", "len(value) < length", "len(value) < 5", ENV),
    Fault("production starts with a secret of one letter", f"{LIBRARY}/env.py", "len(set(value)) < 8", "len(set(value)) < 1", ENV),
    Fault("a password is part of an error message", f"{LIBRARY}/env_values.py", 'return "is not a URL."', 'return f"is not a URL: {value}."', ENV),
    Fault("a misspelt flag is off", f"{LIBRARY}/env.py", 'self._wrong(name, value, wanted="true or false")', "return False", ENV),
    Fault("a placeholder in capitals goes to production", f"{LIBRARY}/env.py", 'r"change[-_ ]?me", re.I', 'r"change[-_ ]?me"', ENV),
    Fault("clearing the cache deletes queued tasks", f"{LIBRARY}/env.py", "if database and database ==", "if False and database ==", ENV),
    Fault("a setting of the database takes its time limits away", SETTINGS, '_database.get("OPTIONS", {}).pop("options", "")', '""', SET),
    Fault("a folder of the project is public", f"{LIBRARY}/env.py", "if default.resolve().parent.is_relative_to(Path(unquote(parts.path)).resolve()):", "if False:", ENV),
    Fault("who reads logs can take an account", f"{LIBRARY}/logs.py", "        hide_tokens,\n", "", "tests/library/test_logs.py"),
    Fault("Sentry is sent what works like a password", f"{LIBRARY}/sentry.py", '    _remove_secrets(event.get("request", {}))\n', "", "tests/library/test_sentry.py"),
    Fault("one message ends every worker", f"{LIBRARY}/tasks/worker.py", "            except Exception as error:", "            except ZeroDivisionError as error:", "tests/library/tasks/test_worker.py"),
    Fault("a message about workers ends every worker", f"{LIBRARY}/tasks/worker.py", "without_gossip=True, ", "", "tests/library/tasks/test_worker.py"),
    Fault("what is left of a message ends every worker of Redis", f"{LIBRARY}/redis_broker.py", "        except (ValueError, TypeError, RecursionError):\n            logger.exception(\"message_unreadable\", delivery_tag=tag)", "        except ZeroDivisionError:\n            logger.exception(\"message_unreadable\", delivery_tag=tag)", "tests/library/test_redis_broker.py"),
    Fault("tasks wait in the memory of one production process", CELERY, 'schemes=("local", ', 'schemes=("memory", "local", ', SET),
    Fault("each production process has a cache of its own", f"{LIBRARY}/env.py", "schemes=SHARED_CACHES,", "schemes=(*SHARED_CACHES, *OTHER_CACHES),", ENV),
    Fault("visitors see the source code", SETTINGS, "if PRODUCTION and DEBUG:", "if False:", SET),
    Fault("a visitor says that the request came by TLS", SETTINGS, "    if PROXY_COUNT:  #", "    if True:  #", SET),
    Fault("all hosts of a domain are bound to TLS unasked", SETTINGS, 'SECURE_HSTS_INCLUDE_SUBDOMAINS", default=False', 'SECURE_HSTS_INCLUDE_SUBDOMAINS", default=True', SET),
    Fault("a query may run for ever", SETTINGS, "-c statement_timeout=30000 ", "", SET),
    Fault("what a dead host has locked stays locked", SETTINGS, "-c tcp_keepalives_idle=3 ", "", f"{T}/test_hosts.py"),
    Fault("browsers keep old styles after a deployment", SETTINGS, "whitenoise.storage.CompressedManifestStaticFilesStorage", "whitenoise.storage.CompressedStaticFilesStorage", SET),
    Fault("any password will do", SETTINGS, '        "MinimumLengthValidator",\n', "", PAGES),
    Fault("nobody is locked out for guessing passwords", SETTINGS, '"trellis.web.limits.Backend"', '"django.contrib.auth.backends.ModelBackend"', "project apps/accounts"),
    Fault("a dotless i evades the limit on guessing", LIMITS, ".strip().upper().lower()", ".strip().lower()", LIMIT_TESTS),
    Fault("sixteen attempts at once count as one", LIMITS, "is_over | Q(count__lt=attempts), key=key", "key=key", LIMIT_TESTS),
    Fault("each address of a household may guess anew", LIMITS, "(int(address), 64)", "(int(address), 128)", LIMIT_TESTS),
    Fault("a stranger locks people out where they always are", LIMITS, "if trusted.exists() else", "if False else", LIMIT_TESTS),
    Fault("an office is locked out because it signs in", LIMITS, "            _give_back(counted)  # an", "            pass  # an", LIMIT_TESTS),
    Fault("a hash is computed for each refused password", LIMITS, "        counted = count(request, SIGN_IN, name=name)\n        try:\n", "        super().authenticate(request, username=name, password=password)\n        counted = count(request, SIGN_IN, name=name)\n        try:\n", LIMIT_TESTS),
    Fault("two sign-ins of one person at once are an error", LIMITS, "if full := Limit.objects.filter(key=key).first():", "if full := Limit.objects.get(key=key):", LIMIT_TESTS),
    Fault("who finds no room to sign in is locked out", LIMITS, "            _give_back(counted)\n            raise\n        if user", "            raise\n        if user", LIMIT_TESTS),
    Fault("sign-ins take all memory", f"{LIBRARY}/web/hashing.py", "AT_ONCE = threading.BoundedSemaphore(2)", "AT_ONCE = threading.BoundedSemaphore(6)", "tests/library/test_hashing.py"),
    Fault("sign-ins take all threads", f"{LIBRARY}/web/hashing.py", "BoundedSemaphore(6)", "BoundedSemaphore(100)", "tests/library/test_hashing.py"),
    Fault("a site whose tasks are late is taken out of service", f"{LIBRARY}/web/health.py", "ok = answers[probes.database].ok", "ok = all(found.ok for found in answers.values())", "tests/library/test_health.py"),
    Fault("the domain is preloaded unasked", SETTINGS, 'SECURE_HSTS_PRELOAD", default=False', 'SECURE_HSTS_PRELOAD", default=True', SET),
    Fault("nobody can search the logs of production", SETTINGS, "default=PRODUCTION)\n# In development log", "default=False)\n# In development log", SET),
    Fault("other users of the machine read the database", "config/environment.py", "mode=0o700, ", "", SET),
    Fault("everybody reads how the API works", "config/urls.py", "public_docs=not settings.PRODUCTION", "public_docs=True", f"{T}/test_hostile.py"),
    # The proxy
    Fault("nobody gets a certificate", NGINX, "    location /.well-known/acme-challenge/ {", "    location /.well-known/other/ {", SERVING),
    Fault("one address keeps the proxy busy", NGINX, "    limit_conn visitors 100;", "    #", SERVING),
    Fault("slow heads keep the proxy busy", NGINX, "client_header_timeout 10s", "client_header_timeout 3600s", SERVING),
    Fault("everybody reads the proxy's version", NGINX, "server_tokens off", "server_tokens on", SERVING),
    Fault("a header with an underscore says that the request came by TLS", NGINX, "    server_tokens off;", "    server_tokens off; underscores_in_headers on;", SERVING, along=Fault("", "config/gunicorn.py", 'header_map = "drop"', 'header_map = "dangerous"', "")),
    Fault("a stop drops requests that it has begun", "config/gunicorn.py", "graceful_timeout = 25", "graceful_timeout = 1", SERVING),
    Fault("everybody is told who has an account", ACCOUNTS, "    tasks.send_sign_up_link.delay_on_commit(", "    if User.objects.with_email(email).exists():\n        raise EmailTaken\n    tasks.send_sign_up_link.delay_on_commit(", "project apps/accounts"),
    Fault("a link to sign up works for ever", "apps/accounts/selectors.py", ", max_age=max_age", "", "project apps/accounts"),
    Fault("a mail for one person goes to the address that another typed", ACCOUNTS, "to=user.email,  # not", "to=email,  # not", "project apps/accounts"),
    Fault("a locked out person stays so after a reset", "apps/accounts/views.py", "        limits.trust(self.request, name=form.user.email)  # whoever was locked out may sign in\n", "", "project apps/accounts"),
    Fault("the old password can be guessed by who found a session", "apps/accounts/views.py", "    form_class = forms.ChangePasswordForm\n", "", "project apps/accounts"),
    Fault("a visitor chooses the address that is locked out", f"{LIBRARY}/web/requests.py", "forwarded[-proxies]", "forwarded[0]", "tests/library/test_requests.py"),
    Fault("what people post is sent to Sentry", SETTINGS, 'max_request_body_size="never"', 'max_request_body_size="medium"', f"{T}/test_sentry.py"),
    Fault("errors reach nobody in particular", SETTINGS, "before_send=sentry.before_send", "before_send=None", f"{T}/test_sentry.py"),
    Fault("addresses of visitors are sent to Sentry", f"{LIBRARY}/sentry.py", 'crumb["message"] = line["event"]', "pass", f"{T}/test_sentry.py"),
    Fault("nobody hears that the nightly task stopped", SETTINGS, "monitor_beat_tasks=True", "monitor_beat_tasks=False", f"{T}/test_sentry.py"),
    Fault("uploaded files are not restored", "docs/runbooks/backup.md", "tar -xzf - -C var", "tar -tzf -", f"{T}/test_backup.py"),
    Fault("a lock on a table fails mails for good", f"{LIBRARY}/tasks/base.py", "except (OperationalError, InterfaceError) as error:", "except ZeroDivisionError as error:", "tests/library/tasks/test_base.py"),
    Fault("tasks are forgotten while the database restarts", f"{LIBRARY}/tasks/recording.py", "if not recorded:", "if False:", "tests/library/tasks/test_recording.py"),
    # Uploads
    Fault("production keeps uploads where the next deployment loses them", f"{LIBRARY}/env.py", "default=default.as_uri(),\n            example=example,\n            needed=True,", "default=default.as_uri(),\n            example=example,", ENV),
    Fault("an upload replaces the file of somebody else", f"{LIBRARY}/bucket.py", '"file_overwrite": False', '"file_overwrite": True', "tests/library/test_bucket.py"),
    Fault("a picture tells where it was taken", f"{LIBRARY}/web/uploads.py", "ContentFile(output.getvalue(),", "ContentFile(content,", UPLOADS),
    Fault("a small file takes minutes", f"{LIBRARY}/web/uploads.py", "content.count(SCAN) > self.max_scans", "content.count(SCAN) > 10**9", UPLOADS),
    Fault("a small file takes all memory", f"{LIBRARY}/web/uploads.py", "if image.width * image.height > self.max_pixels:", "if False:", UPLOADS),
    Fault("an uploaded page acts as whoever opens it", f"{LIBRARY}/web/uploads.py", '        response["Content-Disposition"] = "attachment"', "        pass", UPLOADS),
    Fault("a refused proposal leaves its picture behind", f"{CATALOG}/services.py", "        if name:\n            tasks.delete_picture.delay_on_commit(name=name)\n", "", "project apps/catalog"),
    Fault("staff who may only look publish proposals", f"{CATALOG}/admin.py", 'description="Publish the proposal", permissions=["change"]', 'description="Publish the proposal"', "project apps/catalog"),
    # .env.example
    Fault("a variable that production needs is not marked", ENVIRONMENT, "# (production) A cache that", "# A cache that", SET),
    Fault("a variable is documented under an old name", ENVIRONMENT, "# PROXY_COUNT=1", "# PROXIES=1", SET),
    Fault("an example of a URL does not work", ENVIRONMENT, "smtp+tls://", "smtps://", SET),
    Fault("an example goes to production as it stands", ENVIRONMENT, "SECRET_KEY=change-me", "SECRET_KEY=aB3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0iL-oR_uX.bC6dE9fG2hJ", SET),
    # The image
    Fault("the image runs as root", DOCKERFILE, "USER app\n", "", f"{IMAGE} -k user_who"),
    Fault("a wrong deployment starts", COMPOSE, "--fail-level $$CHECK_LEVEL && ", "--fail-level $$CHECK_LEVEL; ", f"{IMAGE} -k starts_nothing"),
    Fault("the doctor cannot look at a container", f"{LIBRARY}/probes.py", "f_flag & os.ST_RDONLY:", "f_flag & 0:", f"{IMAGE} -k doctor"),
    Fault("an idle worker takes 20 seconds to stop", CELERY, "    worker_soft_shutdown_timeout=20,", "    worker_soft_shutdown_timeout=20, worker_enable_soft_shutdown_on_idle=True,", f"{IMAGE} -k stop_in_time"),
    Fault("the image writes over its own code", DOCKERFILE, "install -d -m 700 -o app -g app /app/var", "install -d -m 700 -o app -g app /app /app/var", f"{IMAGE} -k user_who"),
    Fault("the image of a private clone cannot be read", DOCKERFILE, "COPY --from=build /app/var/static var/static\nCOPY --chmod=755 . .", "COPY --from=build /app/var/static var/static\nCOPY . .", f"{IMAGE} -k clone_was_private"),
    Fault("the image holds development packages", DOCKERFILE, "--no-dev ", "", f"{IMAGE} -k development_package"),
    Fault("the library in the image is a link", DOCKERFILE, "--no-dev --no-editable", "--no-dev", f"{IMAGE} -k ordinary_package"),
    Fault("the image has no static files", DOCKERFILE, "COPY --from=build /app/var/static var/static\n", "", f"{IMAGE} -k static_files"),
    Fault("the image starts in development", DOCKERFILE, "    DJANGO_ENV=production \\\n    PORT", "    PORT", f"{IMAGE} -k refuses_to_start"),
    Fault("the image is never healthy", DOCKERFILE, "/health/live'", "/health/alive'", f"{IMAGE} -k stays_healthy"),
    Fault("a stop kills the requests", DOCKERFILE, "STOPSIGNAL SIGTERM", "STOPSIGNAL SIGKILL", f"{IMAGE} -k stays_healthy"),
    Fault("secrets are copied into the image", ".dockerignore", ".env\n.env.*", ".env.*", f"{IMAGE} -k no_secret"),
    # compose.yaml
    Fault("the worker serves no mails", COMPOSE, '"default,mail,slow"', '"default,slow"', f"{IMAGE} -k every_queue"),
    Fault("make dev runs old code in the worker", "Procfile", "--concurrency 2\" apps config templates", "--concurrency 2\" config", f"{T}/test_reload.py"),
    Fault("a reload kills the task in progress", "Procfile", "--sigint-timeout 25", "--sigint-timeout 1", f"{T}/test_reload.py -k finishes"),
    Fault("mails of development can be read in production", f"{LIBRARY}/web/mails.py", "if not settings.DEBUG:", "if False:", "tests/library/test_mails.py"),
    Fault("make dev serves no slow tasks", "Procfile", "default,mail,slow", "default,mail", f"{IMAGE} -k every_queue"),
    Fault("the database is lost with its container", COMPOSE, "      - postgres:/var/lib/postgresql/data\n", "      - postgres:/var/lib/postgres\n", f"{IMAGE} -k keeps_data"),
    Fault("queued tasks are evicted", COMPOSE, "noeviction", "allkeys-lru", f"{IMAGE} -k keeps_data"),
    Fault("beat has a command that does not exist", COMPOSE, "[celery, -A, config, beat,", "[celery, -A, config, beats,", f"{IMAGE} -k starts_the_worker"),
    Fault("a worker is killed before it has stopped", COMPOSE, "stop_grace_period: 40s # longer than worker", "stop_grace_period: 10s # longer than worker", f"{IMAGE} -k time_it_takes"),
    Fault("the site starts before its database", COMPOSE, "      condition: service_completed_successfully", "      condition: service_started", f"{IMAGE} -k migrates_first"),
    Fault("visitors get past the proxy", COMPOSE, "  web: # reached by the proxy only, whose headers it trusts\n    <<: *app\n", "  web:\n    <<: *app\n    ports: [8080:8000]\n", f"{IMAGE} -k reach_the_proxy"),
    Fault("beat writes where it may not", COMPOSE, ", --schedule, /tmp/celerybeat-schedule", "", f"{IMAGE} -k starts_the_worker"),
    Fault("a reload does not see an edited nginx.conf", COMPOSE, "./deploy:/etc/nginx/conf.d:ro", "./deploy/nginx.conf:/etc/nginx/conf.d/nginx.conf:ro", f"{DEPLOY} -k edited_configuration"),
    Fault("a CDN in front cannot be counted", COMPOSE, "    PROXY_COUNT: ${PROXY_COUNT:-1}\n", "", f"{DEPLOY} -k passes_on"),
    Fault("two hosts have two beats", HOSTS, '  beat: {<<: *shared, scale: "${FIRST_HOST:?}"}', "  beat: *shared", f"{DEPLOY} -k one_beat"),
    Fault("each of two hosts has a queue of its own", HOSTS, "    CELERY_BROKER_URL: ${CELERY_BROKER_URL:?}\n", "", f"{DEPLOY} -k share"),
    Fault("certbot cannot run the hook of the document", "docs/deploy.md", "env -C '$PWD' docker", "cd '$PWD' && docker", f"{DEPLOY} -k certbot"),
    # Test runs
    Fault("tests read .env", "pyproject.toml", '"-p", "trellis.pytest_run", ', "", f"{T}/test_runs.py"),
    Fault("two test runs share the keys of Redis", SETTINGS, '    _cache["KEY_PREFIX"] =', '    _ =', f"{T}/test_runs.py -k caches"),
    Fault("two test runs share a database of PostgreSQL", SETTINGS, "]}_{TEST_RUN}", "]}", f"{T}/test_runs.py -k caches"),
    Fault("a killed test run leaves its database for ever", f"{LIBRARY}/pytest_run.py", "_free_number(early_config.rootpath / \"var\")", "os.getpid()", f"{T}/test_runs.py -k behind"),
    # The proxy and the web server
    Fault("a header with an underscore evades the sign-in limit", "config/gunicorn.py", 'header_map = "drop"', 'header_map = "dangerous"', f"{T}/test_hostile.py -k sqlite-direct"),
    Fault("slow bodies hold threads", "deploy/nginx.conf", "    limit_conn_status 429;\n", "    limit_conn_status 429;\n    proxy_request_buffering off;\n", f"{T}/test_serving.py -k behind_the_proxy"),
    Fault("a body may be of any size", "deploy/nginx.conf", "client_max_body_size 20m;", "client_max_body_size 0;", f"{T}/test_hostile.py -k 30"),
    Fault("live waits for a thread", "deploy/nginx.conf", "proxy_pass http://health;", "proxy_pass http://web;", f"{T}/test_serving.py -k hangs"),
    Fault("visitors choose their address", "deploy/nginx.conf", "$proxy_add_x_forwarded_for", "$http_x_forwarded_for", f"{T}/test_hostile.py -k sqlite-proxied"),
    # The workflow, and the hooks of pre-commit
    Fault("CI runs a target that does not exist", WORKFLOW, "- run: make check", "- run: make checks", DELIVERY),
    Fault("CI tests SQLite twice", WORKFLOW, "DATABASE_URL=${{ matrix.database_url }}", "DATABASE=${{ matrix.database_url }}", DELIVERY),
    Fault("CI ignores the default branch", WORKFLOW, "pull request.\n    if: github.event_name == 'pull_request' || github.ref_name == github.event.repository.default_branch", "pull request.\n    if: github.event_name == 'pull_request' || github.ref_name == 'main'", DELIVERY),
    Fault("CI runs whatever a tag points to today", WORKFLOW, "checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1\n        with:\n          persist-credentials: false\n      - uses: astral-sh/setup-uv@20cfd1bf945f4377ade1205e4dbc17946fc9a30d # v10.0.1\n        with", "checkout@v7\n        with:\n          persist-credentials: false\n      - uses: astral-sh/setup-uv@v10\n        with", DELIVERY),
    Fault("nobody says who may reach an endpoint", "tests/test_project.py", '    "api/bookings": "GET POST signed in",  # example\n', "", "project tests"),
    Fault("CI may push", WORKFLOW, "contents: read", "contents: write", DELIVERY),
    Fault("a commit is not checked for layout", ".pre-commit-config.yaml", ".venv/bin/trellis check", ".venv/bin/trellis rules", DELIVERY),
    Fault("a commit needs uv on the path", ".pre-commit-config.yaml", "entry: .venv/bin/ruff format", "entry: uv run ruff format", DELIVERY),
    # Pages
    Fault("a field has no name for a screen reader", f"{BOOKINGS}/templates/bookings/session_list.html", ' aria-label="Search by title"', "", PAGES),
    Fault("a page does not close what it opens", f"{BOOKINGS}/templates/bookings/session_list.html", "  </article>\n  {% empty %}", "  {% empty %}", PAGES),
    Fault("a form has no token", f"{BOOKINGS}/templates/bookings/my_bookings.html", "{% csrf_token %}", "", PAGES),
    Fault("a refusal is not announced", "templates/refused.html", ' role="alert"', "", PAGES),
    Fault("what a visitor typed becomes markup", f"{BOOKINGS}/templates/bookings/session_list.html", "called “{{ title }}”", "called “{{ title|safe }}”", PAGES),
    Fault("a long word widens the page", "static/site.css", ":is(h1, h2, h3, a, p, li, dd, td) { overflow-wrap: anywhere; }\n", "", f"{LOOKS} -k many"),
    Fault("nobody can read links at night", "static/site.css", "    --pico-primary: #6cc495;\n", "", f"{LOOKS} -k sessions"),
    Fault("the navigation sticks out of the page", "static/site.css", "padding: 2rem max(1rem, (100% - 60rem) / 2) 4rem", "padding: 2rem 0 4rem", f"{LOOKS} -k home"),
    Fault("nobody sees that the file field has the focus", "static/site.css", ', [type="file"]):focus-visible', "):focus-visible", f"{LOOKS} -k Keyboard"),
    Fault("a second seat is offered", f"{BOOKINGS}/templates/bookings/session_detail.html", "{% elif booking %}", "{% elif False %}", "project apps/bookings"),
    Fault("the page of an error needs what has failed", f"{LIBRARY}/web/pages.py", 'render_to_string(f"{status:d}.html")', 'render_to_string("404.html", request=request)', PAGES),
    Fault("a telephone shows a page for desks", "templates/base.html", '  <meta name="viewport" content="width=device-width, initial-scale=1">\n', "", PAGES),
    Fault("every visitor sees the map", MAP, "settings.DEBUG or user.is_staff", "True", MAP_TESTS),
    Fault("the map shows any file of the server", MAP, " or not LINKED.fullmatch(path)", "", MAP_TESTS),
    Fault("the map shows the source code in production", MAP, "if not settings.DEBUG or", "if", MAP_TESTS),
    Fault("what no OWNERS.toml declares looks declared", ARCHITECTURE, '"undeclared" if other not in declared else ', "", MAP_TESTS),
    Fault("the map draws an app below those that it uses", MAP, "static_order()][::-1]", "static_order()]", MAP_TESTS),

    # The admin, and validators
    Fault("staff delete bookings without a service", f"{BOOKINGS}/admin.py", "obj: Booking | None = None) -> bool:\n        return False", "obj: Booking | None = None) -> bool:\n        return True", PAGES),
    Fault("staff edit bookings without a service", f"{BOOKINGS}/admin.py", "return obj is None and super()", "return super()", PAGES),
    Fault("anybody in the admin records payments", f"{BOOKINGS}/admin.py", ', permissions=["change"]', "", "project apps/bookings"),
    Fault("anybody in the admin replays failed tasks", f"{LIBRARY}/admin.py", 'description="Replay: run again", permissions=["change"]', 'description="Replay: run again"', "tests/library/test_admin.py"),
    Fault("anybody in the admin reads runbooks", f"{LIBRARY}/admin.py", " or not self.has_view_permission(request, row)", "", "tests/library/test_admin.py"),
    Fault("a session has no seat at all", f"{CATALOG}/models.py", "MinValueValidator(1)", "MinValueValidator(0)", PAGES,
        Fault("", f"{CATALOG}/migrations/0001_initial.py", "MinValueValidator(1)", "MinValueValidator(0)", "")),
    Fault("a service saves what is not valid", f"{CATALOG}/services.py", "    session.full_clean()\n", "", PAGES),
    # What always holds
    Fault("anybody cancels anybody's booking", f"{BOOKINGS}/services.py", "public_id=public_id, attendee_id=by", "public_id=public_id", "project apps/bookings"),
    Fault("a link cancels a booking", f"{BOOKINGS}/views.py", "@require_POST\ndef cancel_booking", "def cancel_booking", "project tests"),
    Fault("a page takes methods that nobody listed", "apps/accounts/views.py", '@method_decorator(for_forms, name="dispatch")\nclass ChangePassword', "class ChangePassword", "project tests"),
    Fault("a payment that comes too late is accepted", f"{BOOKINGS}/services.py", "        hold_expires_at__gt=at,\n", "", "project apps/bookings"),
    Fault("a seat is held after its session began", f"{BOOKINGS}/services.py", "min(at + HOLD_LASTS, session.starts_at)", "at + HOLD_LASTS", "project apps/bookings"),
    Fault("anybody sees how full the house is", "apps/insights/views.py", "not request.user.is_staff", "False", "project apps/insights"),
    Fault("seats are oversold", f"{CATALOG}/services.py", ", seats_left__gt=0)", ")", "project apps/catalog"),
    Fault("a session of yesterday is booked", f"{CATALOG}/services.py", "public_id=public_id, starts_at__gt=at, ", "public_id=public_id, ", "project apps/catalog"),
    Fault("the database lets more seats be left than there are", f"{CATALOG}/models.py", '& Q(seats_left__lte=F("capacity"))', "", "project apps/catalog",
        Fault("", f"{CATALOG}/migrations/0001_initial.py", ', ("seats_left__lte", models.F("capacity"))', "", "")),
    Fault("the database lets somebody hold two seats", f"{BOOKINGS}/models.py", "Q(status__in=ACTIVE)", 'Q(status="held")', "project apps/bookings",
        Fault("", f"{BOOKINGS}/migrations/0001_initial.py", '("status__in", ["held", "confirmed"])', '("status", "held")', "")),
    Fault("the database lets a seat be held for ever", f"{BOOKINGS}/models.py", "hold_expires_at__isnull=False", "pk__isnull=False", "project apps/bookings",
        Fault("", f"{BOOKINGS}/migrations/0001_initial.py", '("hold_expires_at__isnull", False)', '("pk__isnull", False)', "")),
    Fault("a seat is taken though its booking fails", f"{BOOKINGS}/services.py", "@transaction.atomic\ndef book_seat", "def book_seat", "project apps/bookings"),
    Fault("people sign in by a name that others have, too", "apps/accounts/models.py", 'USERNAME_FIELD = "email"', 'USERNAME_FIELD = "name"', "project apps/accounts"),
    # Tasks
    Fault("messages on their way find no task", f"{BOOKINGS}/tasks.py", 'name="bookings.send_confirmation"', 'name="send_confirmation"', "project tests"),
    Fault("a booking that was rolled back is announced", f"{BOOKINGS}/services.py", "        tasks.send_confirmation.delay_on_commit(booking_id=booking.pk)\n    return", "        tasks.send_confirmation.delay(booking_id=booking.pk)\n    return", "project layout"),
    Fault("a confirmation is mailed twice", f"{BOOKINGS}/services.py", "        if claim.is_new:\n", "        if True:\n", "project apps/bookings"),
    Fault("scheduled tasks pile up behind a busy worker", f"{BOOKINGS}/tasks.py", "    expires=60,\n", "", "project tests"),
    Fault("tasks run in another queue than they state", f"{LIBRARY}/tasks/base.py", 'cls.queue_name = cls.__dict__["queue"]', "pass", "tests/library/tasks"),
    Fault("a task out of memory ends the worker", f"{LIBRARY}/tasks/base.py", "except MemoryError", "except ZeroDivisionError", "tests/library/tasks"),
    Fault("tasks fail and leave no trace", f"{LIBRARY}/tasks/recording.py", "@signals.task_failure.connect(", "@signals.task_prerun.connect(", "tests/library/tasks"),
    Fault("a broker that is away makes an error of a commit", f"{LIBRARY}/tasks/base.py", 'logger.warning("task_unpublished", task=self.name, error=str(error))', "raise", "tests/library/tasks"),
    Fault("two workers hold one claim", f"{LIBRARY}/tasks/claims.py", "done_at=None, expires_at__lte=at", "done_at=None", "tests/library/tasks"),
    Fault("a failed effect is never tried again", f"{LIBRARY}/tasks/claims.py", "        release(claim, at=at)\n        raise", "        raise", "tests/library/tasks"),
    Fault("a claim ends while its holder works", f"{LIBRARY}/tasks/claims.py", "_time_limit() + MARGIN", "0", "tests/library/tasks"),
    Fault("a claim is taken inside a transaction", f"{LIBRARY}/tasks/claims.py", "durable=True", "durable=False", "tests/library/tasks"),
    Fault("a task whose effect is in progress fails", f"{LIBRARY}/tasks/base.py", "        except InProgress as error:\n            raise self.retry(exc=error) from error\n", "", "tests/library/tasks"),
    Fault("a wrong argument is noticed after the commit", f"{LIBRARY}/tasks/base.py", "        self._check_arguments(args, kwargs or {}, options)\n", "", "tests/library/tasks"),
    Fault("a secret argument is stored", f"{LIBRARY}/tasks/recording.py", "redacted(item, name=str(key))", "redacted(item)", "tests/library/tasks"),
    Fault("a task with a hidden argument is replayed", f"{LIBRARY}/tasks/failures.py", "if REDACTED in repr", "if False and REDACTED in repr", "tests/library/tasks"),
    Fault("a schedule of the team's own is dropped", f"{LIBRARY}/celery_app.py", "declared_schedule(sender) | sender.conf.beat_schedule", "declared_schedule(sender)", "tests/library/test_celery_app.py"),
    Fault("two workers work on one message", f"{LIBRARY}/local_broker.py", "if not _is_free(lock_file):", "if False:", "tests/library/test_local_broker.py"),
    Fault("a killed worker's messages are lost", f"{LIBRARY}/local_broker.py", "        for message in folder.glob(\"*.msg\"):\n            _enqueue(message, queued=queued)\n", "", "tests/library/test_local_broker.py"),
    # Caches and queries
    Fault("a session's page shows it as it was", f"{CATALOG}/services.py", "    session.save(update_fields=[\"starts_at\"])\n    caches.session.invalidate(public_id=session.public_id)\n", "    session.save(update_fields=[\"starts_at\"])\n", "project apps/catalog"),
    Fault("what is rolled back stays in the cache", f"{LIBRARY}/caching/cached_read.py", "transaction.get_connection().in_atomic_block or ", "", "tests/library/test_cached_read.py"),
    Fault("rows load more behind a selector's back", "apps/insights/selectors.py", "list(reads.promised(DailyOccupancy.objects.filter(day__gte=since)))", "list(DailyOccupancy.objects.filter(day__gte=since))", "project apps/insights"),
    Fault("a selector's budget is too high", f"{CATALOG}/selectors.py", "@reads.selector(queries=1)\ndef session(", "@reads.selector(queries=100)\ndef session(", "project apps/catalog"),
    Fault("a list in two directions leaves rows out", f"{LIBRARY}/reads/paging.py", "for name in order}) > 1", "for name in order}) > 2", "tests/library/test_paging.py"),
    Fault("the last page reads all pages before it", f"{LIBRARY}/reads/paging.py", "    rows.query.where.children.reverse()\n", "", "tests/library/test_paging.py"),
    Fault("a stale value is served", f"{LIBRARY}/caching/entries.py", "entry and entry.generation == generation", "entry", "tests/library/test_cached_read.py"),
    Fault("a cache that is away makes an error of a commit", f"{LIBRARY}/caching/cached_read.py", "robust=True", "robust=False", "tests/library/test_cached_read.py"),
    # Logs, health, owners
    Fault("log lines name no owner", f"{LIBRARY}/logs.py", "        event.setdefault(\"owner\", team)\n    return event", "        pass\n    return event", "tests/library/test_logs.py"),
    Fault("a log in a file is full of colours", f"{LIBRARY}/logs.py", "sys.stderr.isatty()", "True", "tests/library/test_logs.py"),
    Fault("a process without its database is ready", f"{LIBRARY}/web/health.py", "status=200 if ok else 503", "status=200", "tests/library/test_health.py"),
    Fault("everybody is told where the database is", f"{LIBRARY}/web/health.py", "details=bool(token) and _is_bearer(authorization, token)", "details=_is_bearer(authorization, token)", "tests/library/test_health.py"),
    Fault("a database that hangs takes all threads", f"{LIBRARY}/web/server.py", '**{"timeout": seconds} | options', "**options", "postgres tests/library/test_health.py"),
    Fault("nobody can tell which log lines belong to a complaint", f"{LIBRARY}/web/requests.py", 'response["X-Request-ID"] = tracing.request_id()', "pass", "tests/library/test_requests.py"),
    Fault("production loads the checks", f"{LIBRARY}/apps.py", "if not settings.PRODUCTION:", "if True:", "tests/library/test_public_names.py"),
    Fault("an app's reviews go to nobody", f"{LIBRARY}/ownership.py", 'f"{pattern} {handle}\\n"', 'f"# {pattern} {handle}\\n"', "tests/library/test_ownership.py"),
    Fault("a log line is lost over a broken OWNERS.toml", f"{LIBRARY}/ownership.py", "    except Malformed:\n        return \"\"", "    except KeyError:\n        return \"\"", "tests/library/test_ownership.py"),
    # Checks and commands
    Fault("warnings are no errors", "pyproject.toml", 'filterwarnings = ["error", ', "filterwarnings = [", f"{PROJECT} -k fails"),
    Fault("types are half checked", "pyproject.toml", "strict = true\nplugins", "strict = false\nplugins", f"{PROJECT} -k fails"),
    Fault("`make check` accepts anything", f"{LIBRARY}/commands/ci.py", "return not done.returncode", "return True", "tests/library/test_ci.py"),
    Fault("`make check` has no layout step", f"{LIBRARY}/commands/ci.py", 'python("-m", "trellis", "check", *ANNOTATIONS)', 'python("-c", "")', f"{PROJECT} -k fails"),
    Fault("`make check` runs no test", f"{LIBRARY}/commands/ci.py", '"pytest", "-q"', '"pytest", "--version"', f"{PROJECT} -k fails"),
    Fault("`make check` fails and make does not", "Makefile", "@$(RUN) trellis ci", "-@$(RUN) trellis ci", f"{PROJECT} -k fails"),
    Fault("`make setup` writes over the secrets", f"{LIBRARY}/commands/setup.py", "    if target.exists():\n        return False\n", "", "tests/library/test_setup.py"),
    Fault("others on the machine read the secrets", f"{LIBRARY}/commands/setup.py", "target.touch(mode=0o600)", "target.touch()", "tests/library/test_setup.py"),
    Fault("`make setup` ends well without a broker", f"{LIBRARY}/commands/setup.py", "        check_servers()\n", "", "tests/library/test_setup.py"),
    Fault("drift shows another month", f"{LIBRARY}/commands/drift.py", "in reversed(log)}", "in log}", "tests/library/test_drift.py"),
    Fault("the runbook is not there at night", f"{CATALOG}/OWNERS.toml", "docs/runbooks/catalog.md", "docs/runbooks/none.md", "project layout"),
    Fault("a document names a file that does not exist", "docs/architecture.md", "tests/test_project.py", "tests/test_projects.py", f"{T}/test_readme.py -k TestPaths"),
    # Generation
    Fault("a new app is in no settings", f"{LIBRARY}/commands/app.py", '"    # startapp adds apps above this line", \'    "apps.$app",\'', '"    # startapp adds apps above this line", \'    # "apps.$app",\'', "tests/library/test_app.py"),
    Fault("a new app's task has another app's name", f"{LIBRARY}/app_template/tasks.py-tpl", 'name="$app.', 'name="app.', "tests/library/test_app.py"),
    Fault("an app that failed halfway is left", f"{LIBRARY}/commands/app.py", "shutil.rmtree(", "str(", "tests/library/test_app.py"),
    Fault("the hook accepts any answer", "/hooks/pre_gen_project.py", "sys.exit(1)", "pass", f"{T}/test_answers.py"),
    Fault("a quotation mark in an answer breaks a file", "/hooks/pre_gen_project.py", "(r'[\"\\\\`<]', ", "(r'[\\\\`<]', ", f"{T}/test_answers.py"),
    Fault("a second generation deletes the user's apps", "/hooks/pre_gen_project.py", "any(Path.cwd().iterdir())", "False", f"{T}/test_hooks.py"),
    Fault("a read-only template gives a read-only project", "/hooks/post_gen_project.py", "path.chmod(path.stat().st_mode | 0o200)", "pass", f"{T}/test_hooks.py"),
    Fault("the example leaves a part of it", f"{LIBRARY}/commands/remove_example.py", '("bookings", "catalog", "insights")', '("bookings", "catalog")', f"{T}/test_remove_example.py"),
    Fault("removing the example writes through a link", f"{LIBRARY}/commands/remove_example.py", " and path.resolve() == path}", "}", f"{T}/test_remove_example.py"),
    Fault("an update brings a removed example back", f"{LIBRARY}/commands/remove_example.py", "b'\"starter\": \"empty\"'", "b'\"starter\": \"example\"'", f"{T}/test_update.py {T}/test_remove_example.py"),
    Fault("an update ends well and leaves conflicts", "Makefile", '[ -z "$$left" ]', "true", f"{T}/test_update.py"),
)  # fmt: skip
