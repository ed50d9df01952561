package sample

import "github.com/scaivault/audit"

// The names that the company is made of. Nobody is meant.
var (
	firstNames = []string{"amina", "bo", "carmen", "deniz", "elif", "farid", "greta", "hana", "ivo", "jun", "katya",
		"liam", "mei", "noor", "otto", "priya", "quinn", "rosa", "sven", "tariq", "uma", "viktor", "wanjiru", "xenia",
		"yusuf", "zoe"}
	jobNames = []string{"reporting", "checkout", "ledger", "billing-worker", "ci-deploy", "search-indexer", "mailer",
		"gateway", "fraud-scorer", "etl-nightly", "crm-sync", "invoice-pdf", "stock-feed", "sso-bridge", "metrics-agent",
		"backup", "image-resizer", "chat-relay", "tax-calc", "terraform", "argo-cd", "kafka-connect", "airflow"}
	schedulers = []string{"rotation-scheduler", "lease-reaper", "webhook-dispatcher", "directory-sync"}

	stages      = []string{"prod", "staging", "dev"}
	teams       = []string{"payments", "platform", "identity", "data", "growth", "logistics", "support", "integrations"}
	systemNames = []string{"stripe", "salesforce", "postgres", "redis", "kafka", "sendgrid", "s3", "snowflake", "github",
		"slack", "datadog", "cloudflare", "twilio", "elastic", "mongodb", "rabbitmq", "okta"}
	leaves = []string{"api-key", "password", "oauth", "tls-key", "webhook-secret", "service-account"}

	authorities = []audit.Path{"pki/internal/issue/web", "pki/internal/issue/mesh", "pki/edge/issue/public",
		"pki/internal/root"}
	databases = []audit.Path{"database/creds/readonly", "database/creds/orders-rw", "database/creds/reporting",
		"aws/creds/deploy", "aws/creds/backup"}

	userAgents = []string{"scaivault-cli/2.4 (darwin/arm64)", "scaivault-cli/2.4 (linux/amd64)",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_4)"}
	serviceAgents = []string{"scaivault-python/1.0", "scaivault-go/1.3", "scaivault-java/0.9", "scaivault-agent/2.4",
		"Go-http-client/2.0", "curl/8.5.0"}

	errorData = []string{`{"error":"permission denied"}`, `{"error":"secret not found"}`,
		`{"error":"lease expired"}`, `{"error":"rate limited","retry_after":2}`, `{"error":"upstream timeout"}`}
	policyData = []string{`{"policy":"payments-read"}`, `{"policy":"platform-admin"}`, `{"policy":"reporting"}`,
		`{"policy":"break-glass","approved_by":"user:greta@example.com"}`}
)
