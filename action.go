package audit

import "strings"

// Action is what was done. The list is closed: an unknown action is refused by
// name, so that a typo never becomes a filter that matches nothing.
type Action string

// The actions of the ScaiVault Audit API.
const (
	ActionRead              Action = "read"
	ActionWrite             Action = "write"
	ActionDelete            Action = "delete"
	ActionList              Action = "list"
	ActionRotate            Action = "rotate"
	ActionPolicyCreate      Action = "policy_create"
	ActionPolicyUpdate      Action = "policy_update"
	ActionPolicyDelete      Action = "policy_delete"
	ActionPolicyBind        Action = "policy_bind"
	ActionPolicyUnbind      Action = "policy_unbind"
	ActionPKIIssue          Action = "pki_issue"
	ActionPKISign           Action = "pki_sign"
	ActionPKIRevoke         Action = "pki_revoke"
	ActionPKICACreate       Action = "pki_ca_create"
	ActionDynamicGenerate   Action = "dynamic_generate"
	ActionDynamicRenew      Action = "dynamic_renew"
	ActionDynamicRevoke     Action = "dynamic_revoke"
	ActionWebhookDelivery   Action = "webhook_delivery"
	ActionSubscriptionEvent Action = "subscription_event"
	ActionFederationSync    Action = "federation_sync"
	ActionIdentitySync      Action = "identity_sync"
	ActionExportCreated     Action = "export_created"
)

// Actions of other secrets managers, and of the log about itself.
const (
	ActionLogin            Action = "login"
	ActionLogout           Action = "logout"
	ActionTokenCreate      Action = "token_create"
	ActionTokenRevoke      Action = "token_revoke"
	ActionCryptoOperation  Action = "crypto_operation"
	ActionSystemChange     Action = "system_change"
	ActionAuditRead        Action = "audit_read"
	ActionRetentionApplied Action = "retention_applied"
	ActionHoldPlaced       Action = "hold_placed"
	ActionHoldLifted       Action = "hold_lifted"
	ActionRangeSealed      Action = "range_sealed"
	ActionAuditGap         Action = "audit_gap"
)

// Actions lists every action in the order of the documentation: those of the
// ScaiVault Audit API first.
func Actions() []Action { return append([]Action(nil), actions...) }

var actions = []Action{
	ActionRead, ActionWrite, ActionDelete, ActionList, ActionRotate,
	ActionPolicyCreate, ActionPolicyUpdate, ActionPolicyDelete, ActionPolicyBind, ActionPolicyUnbind,
	ActionPKIIssue, ActionPKISign, ActionPKIRevoke, ActionPKICACreate,
	ActionDynamicGenerate, ActionDynamicRenew, ActionDynamicRevoke,
	ActionWebhookDelivery, ActionSubscriptionEvent, ActionFederationSync, ActionIdentitySync,
	ActionExportCreated,
	ActionLogin, ActionLogout, ActionTokenCreate, ActionTokenRevoke, ActionCryptoOperation,
	ActionSystemChange, ActionAuditRead, ActionRetentionApplied, ActionHoldPlaced, ActionHoldLifted,
	ActionRangeSealed, ActionAuditGap,
}

var knownAction = func() map[Action]bool {
	m := make(map[Action]bool, len(actions))
	for _, a := range actions {
		m[a] = true
	}
	return m
}()

// Known reports whether a is an action of this log.
func (a Action) Known() bool { return knownAction[a] }

// actionList is the list of actions as error messages show it.
func actionList() string {
	names := make([]string, len(actions))
	for i, a := range actions {
		names[i] = string(a)
	}
	return strings.Join(names, ", ")
}

// IdentityType says what kind of identity acted.
type IdentityType string

// The types of identities.
const (
	TypeUser           IdentityType = "user"
	TypeServiceAccount IdentityType = "service_account"
	TypeGroup          IdentityType = "group"
	TypeSystem         IdentityType = "system"
)

// Known reports whether t is a type of this log.
func (t IdentityType) Known() bool {
	switch t {
	case TypeUser, TypeServiceAccount, TypeGroup, TypeSystem:
		return true
	}
	return false
}
