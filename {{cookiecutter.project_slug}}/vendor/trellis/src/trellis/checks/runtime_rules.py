"""The rows of the rules that a loaded or running project is judged by (see rules.py).

One row each: name, what it asks, what it cannot see. Standard library only.
"""

DECLARATIONS = (
    (
        "services_are_functions",
        "Services and selectors are functions; a class in their modules is data or an error.",
        "A function inside a class of data.",
    ),
    (
        "services_take_keywords",
        "Public services and selectors take keyword arguments only.",
        "A function that is created when it is called.",
    ),
    (
        "services_are_typed",
        "Public services and selectors annotate their parameters and what they return.",
        "Whether the types are right; mypy does.",
    ),
    (
        "selectors_declare_a_budget",
        "A public selector declares its number of queries: @reads.selector(queries=1).",
        "Whether it keeps to it; assert_constant_queries does.",
    ),
    (
        "tasks_live_in_tasks",
        "A task is a function with @shared_task in the tasks module of its app.",
        "A task in a module that nothing imports.",
    ),
    (
        "tasks_carry_their_name",
        "The name of a task is <app>.<function>, so that moving code loses no message.",
        "A name that changed while messages wait.",
    ),
    (
        "tasks_state_their_retries",
        "A task states max_retries, and names the errors after which it is tried again.",
        "A base class of errors that covers too much.",
    ),
    (
        "tasks_have_time_limits",
        "A task states its time_limit in seconds.",
        "Whether the limit is longer than the work takes.",
    ),
    (
        "tasks_take_plain_values",
        "A task takes keyword arguments of types that the broker carries, such as ids, not rows.",
        "What is passed in spite of the annotation.",
    ),
    (
        "schedules_expire",
        "A scheduled task states after how many seconds a late run expires.",
        "Whether a run takes longer than the time between two.",
    ),
    (
        "schedules_stand_on_their_task",
        "The beat schedule is what tasks declare with schedule=, and nothing else.",
        "A scheduler of your own.",
    ),
    (
        "celery_settings_stand_in_celery",
        "Celery is set up in config/celery.py; CELERY_* in Django's settings has no effect.",
        "Environment variables that Celery reads by itself.",
    ),
    (
        "caches_state_their_bottleneck",
        "A cache says which measured bottleneck it solves.",
        "Whether it was measured.",
    ),
    (
        "caches_are_invalidated",
        "The services that a cache names in invalidated_by exist and invalidate it.",
        "Whether they invalidate the right key, and a service that is not named.",
    ),
    (
        "foreign_keys_across_apps",
        'A relation to another app has related_name="+", its foreign key PROTECT, RESTRICT or'
        " SET_NULL, and the app is in depends_on.",
        "A generic foreign key, and an id that is stored as a number.",
    ),
    (
        "no_receivers_for_own_models",
        "No receiver in an app listens to Django's signals of the project's own models.",
        "A receiver in a module that nothing imports.",
    ),
    (
        "migrations_take_two_steps",
        "A migration keeps the running code working and holds no lock for long.",
        "RunSQL, and constraints, which read the whole table.",
    ),
)
_WHERE_NO_TEST_RUNS = "Code that neither a test nor the development server runs."
GUARDS = (
    (
        "doors_do_not_query",
        "Views, APIs, forms, commands, template tags and tasks read through selectors.",
        f"{_WHERE_NO_TEST_RUNS} Queries of an asynchronous door, which run in another thread.",
    ),
    (
        "doors_do_not_write",
        "Doors, the admin among them, change rows by calling a service.",
        _WHERE_NO_TEST_RUNS,
    ),
    (
        "selectors_only_read",
        "A selector and a cache change no rows and lock none.",
        _WHERE_NO_TEST_RUNS,
    ),
    (
        "apps_write_their_own_tables",
        "A service writes to the tables of its own app; to others through their services.",
        f"{_WHERE_NO_TEST_RUNS} What a trigger of the database does.",
    ),
    (
        "selectors_promise_their_rows",
        "Rows leave a selector through promised() or page(), or as plain data.",
        f"{_WHERE_NO_TEST_RUNS} Rows inside an object that is not a dataclass.",
    ),
    (
        "pages_do_not_query",
        "Rendering a page and serializing an answer run no query, except for a form's choices.",
        f"{_WHERE_NO_TEST_RUNS} Pages that are rendered without web.render.",
    ),
    (
        "no_publishing_in_a_transaction",
        "No task is published inside a transaction, which may still be rolled back.",
        _WHERE_NO_TEST_RUNS,
    ),
    (
        "no_network_in_a_transaction",
        "Nothing connects to the network or sends a mail inside a transaction.",
        f"{_WHERE_NO_TEST_RUNS} A connection that was open before, or that a test replaces.",
    ),
)
PROOFS = (
    (
        "selectors_are_proven",
        "Every selector is given to assert_constant_queries in a test of its app.",
        "Whether `grow` adds the rows that matter.",
    ),
    (
        "tasks_are_harmless_twice",
        "Every task is given to assert_harmless_twice in a test of its app.",
        "An effect that `effects` does not count.",
    ),
    (
        "urls_state_their_access",
        "Every URL is in the table of assert_access, with its methods and who may use them.",
        "Whether a user may see an object of somebody else's.",
    ),
)
