"""Who calls what in the demo, and how often."""

from app.demo.traffic import Habit

_SHOP = {"owner": "acme", "repo": "shop"}

HABITS = (
    Habit("deploy-bot", "github-prod", "repos.get", (_SHOP, {"owner": "acme", "repo": "payments"}), 0.5),
    Habit("deploy-bot", "github-prod", "actions.runs", ({**_SHOP, "per_page": 5},), 0.6),
    Habit("deploy-bot", "github-ci", "commits.status", ({**_SHOP, "ref": "main"},), 0.8),
    Habit("deploy-bot", "github-ci", "actions.rerun", ({**_SHOP, "run_id": 7}, {**_SHOP, "run_id": 12}), 0.1),
    Habit(
        "deploy-bot",
        "slack-alerts",
        "chat.postMessage",
        (
            {"channel": "deploys", "text": "shop 1.4.2 is live"},
            {"channel": "deploys", "text": "payments 2.0.1 is live"},
        ),
        0.4,
    ),
    Habit("deploy-bot", "prometheus-main", "query", ({"query": "up"}, {"query": "up == 0"}), 0.7),
    Habit(
        "billing-agent",
        "legacy-erp",
        "fetch",
        ({},),
        0.6,
    ),
    Habit("billing-agent", "payments-cert", "fetch", ({},), 0.6),
    Habit("billing-agent", "github-prod", "issues.list", ({**_SHOP, "per_page": 10},), 0.4),
    Habit(
        "billing-agent",
        "prometheus-main",
        "query_range",
        ({"query": "http_requests_total", "start": "0", "end": "600", "step": "60s"},),
        0.3,
    ),
    Habit("support-assistant", "shop-api", "fetch", ({},), 1.6),
    Habit("support-assistant", "status-page", "fetch", ({},), 0.4),
    Habit(
        "support-assistant",
        "slack-prod",
        "chat.postMessage",
        (
            {"channel": "support", "text": "A customer asks about an invoice"},
            {"channel": "support", "text": "A customer cannot sign in"},
            {"channel": "general", "text": "The support queue is empty"},
        ),
        0.7,
    ),
    Habit(
        "support-assistant",
        "slack-prod",
        "conversations.history",
        ({"channel": "C0SUPPORT1", "limit": 10},),
        0.5,
    ),
    Habit("support-assistant", "slack-prod", "users.info", ({"user": "U0MONA0001"},), 0.3),
    Habit(
        "support-assistant",
        "github-prod",
        "issues.create",
        (
            {**_SHOP, "title": "Invoice shows the wrong VAT", "labels": ["support"]},
            {**_SHOP, "title": "Password mail is late", "labels": ["support"]},
        ),
        0.1,
    ),
    Habit("support-assistant", "github-prod", "search.issues", ({"q": "repo:acme/shop is:open"},), 0.1),
    Habit(
        "billing-agent",
        "salesforce-crm",
        "soql.query",
        ({"q": "SELECT Id, Name FROM Account LIMIT 20"}, {"q": "SELECT Id, Name FROM Lead LIMIT 5"}),
        0.5,
    ),
    Habit(
        "billing-agent",
        "salesforce-crm",
        "records.create",
        ({"type": "Task", "record": {"Subject": "Remind of invoice 4711"}},),
        0.1,
    ),
    Habit(
        "support-assistant",
        "jira-ops",
        "issues.create_text",
        ({"project": "OPS", "type": "Bug", "summary": "Invoice shows the wrong VAT", "text": "Since noon."},),
        0.2,
    ),
    Habit("support-assistant", "jira-ops", "issues.get", ({"issue": "OPS-42"},), 0.4),
    Habit("deploy-bot", "gitlab-shop", "issues.list", ({"project": "278964", "state": "opened"},), 0.4),
    Habit("deploy-bot", "gitlab-shop", "branches.list", ({"project": "278964"},), 0.2),
    Habit("deploy-bot", "pagerduty", "incidents.list", ({"limit": 10},), 0.3),
    Habit(
        "deploy-bot",
        "datadog-main",
        "events.create",
        ({"title": "Deployed shop 1.4.2", "text": "All went well.", "tags": ["env:prod"]},),
        0.2,
    ),
    Habit("deploy-bot", "datadog-main", "monitors.list", ({},), 0.2),
    Habit(
        "support-assistant",
        "discord-fans",
        "messages.post",
        ({"channel": "41771983423143937", "content": "The shop is open again"},),
        0.2,
    ),
)
"""About twelve calls a second in all; github-ci's are its quota's undoing."""
