"""Where code goes in an app: its layers, from the top to the bottom."""

# A layer uses the groups beneath its own. Doors are what the outside world calls: they understand
# a request, call one service or selector, and speak their protocol.
GROUPS: dict[str, tuple[str, ...]] = {
    "urls": ("urls", "routing"),
    "doors": (
        *("views", "api", "admin", "management", "templatetags"),
        *("middleware", "context_processors", "backends", "consumers", "feeds", "sitemaps"),
        "signals",  # receivers for signals of other packages
        "checks",  # Django's system checks
    ),
    "forms": ("forms", "widgets"),
    "services": ("services", "tasks"),
    "clients": ("clients",),
    "selectors": ("selectors",),
    "caches": ("caches",),
    "models": ("models", "translation"),
    "types": ("types", "constants", "exceptions", "validators"),
}
RANK = {group: rank for rank, group in enumerate(reversed(GROUPS))}
LAYERS = {layer: group for group, layers in GROUPS.items() for layer in layers}

# What other apps may import.
FRONT_DOOR = ("services", "selectors", "types", "exceptions", "constants")
FRONT_GROUPS = ("services", "selectors", "types")  # of modules that a project adds

BESIDE_THE_LAYERS = ("__init__", "apps")
NOT_READ = ("tests", "migrations", "templates", "static", "locale", "fixtures")
