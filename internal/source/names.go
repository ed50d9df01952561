package source

// memberNames are the names of the members of a line, so that reading one needs
// no memory of its own.
var memberNames = func() map[string]string {
	names := make(map[string]string)
	for _, name := range []string{
		"type", "time", "error", "forwarded_from", "forwarded", "auth", "request", "response", "display_name",
		"entity_id", "accessor", "client_token", "token_type", "token_ttl", "remaining_uses", "policies",
		"metadata", "policy_results", "token_policies", "identity_policies", "token_issue_time",
		"no_default_policy", "allowed", "granting_policies", "name", "namespace_id", "id", "client_id", "operation",
		"path", "mount_point", "mount_type", "mount_class", "mount_accessor", "mount_running_version",
		"mount_running_sha256", "mount_is_external_plugin", "mount_running_plugin_version", "client_token_accessor",
		"namespace", "headers", "data", "policy_override", "remote_address", "remote_port",
		"client_certificate_serial_number", "wrap_ttl", "replication_cluster", "secret", "redirect", "warnings",
		"wrap_info", "lease_id", "user-agent",
	} {
		names[name] = name
	}
	return names
}()
