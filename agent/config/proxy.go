// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"strconv"
	"strings"
	"time"

	"github.com/certagent/certagent/agent/config/hclread"
)

// This file contains the blocks that certagent reads but does not implement:
// cache, api_proxy, listener and telemetry. They are checked as Vault Agent
// checks them, so that mistakes are reported, and each gets a warning.

// warnNotImplemented warns that the block has no effect.
func warnNotImplemented(s *scope) {
	s.problem(Warning, "", "is not implemented yet and has no effect", "certagent runs without it")
}

// check reads a key and checks its type; the value is not used.
type check func(s *scope, name string)

// checkKeys checks the types of keys that have no effect.
func checkKeys(s *scope, checks map[string]check) {
	for name, check := range checks {
		check(s, name)
	}
}

func checked[T any](convert func(hclread.Value) (T, error)) check {
	return func(s *scope, name string) { get(s, name, convert, new(T)) }
}

var (
	aText     = checked(asText)
	aBool     = checked(asBool)
	aRawBool  = checked(asRawBool)
	aNumber   = checked(asNumeric)
	anInt     = checked(asDecimal)
	aDuration = checked(asSeconds)
	aList     = checked(asStringOrNumberList)
	anything  = checked(asAny)
)

// listenerKeys are the keys of a listener block. Many are for Vault's server
// and have no effect in Vault Agent either.
var listenerKeys = map[string]check{
	"address": aText, "cluster_address": aText, "role": aText, "purpose": anything,
	"require_request_header": aRawBool, "max_request_size": anInt, "max_request_duration": aDuration,
	"tls_disable": aRawBool, "tls_cert_file": aText, "tls_key_file": aText,
	"tls_min_version": aText, "tls_max_version": aText, "tls_cipher_suites": aText,
	"tls_require_and_verify_client_cert": aRawBool, "tls_client_ca_file": aText,
	"tls_disable_client_certs": aRawBool,
	"http_read_timeout":        aDuration, "http_read_header_timeout": aDuration,
	"http_write_timeout": aDuration, "http_idle_timeout": aDuration,
	"proxy_protocol_authorized_addrs":  anything,
	"x_forwarded_for_authorized_addrs": anything, "x_forwarded_for_hop_skips": anInt,
	"x_forwarded_for_reject_not_present": aRawBool, "x_forwarded_for_reject_not_authorized": aRawBool,
	"x_forwarded_for_client_cert_header": aText, "x_forwarded_for_client_cert_header_decoders": aText,
	"socket_mode": aText, "socket_user": aText, "socket_group": aText,
	"cors_enabled": aRawBool, "cors_allowed_origins": aList, "cors_allowed_headers": aList,
	"custom_response_headers": anything, "chroot_namespace": aText,
	"redact_addresses": aRawBool, "redact_cluster_name": aRawBool, "redact_version": aRawBool,
	"disable_replication_status_endpoints": aRawBool, "disable_request_limiter": aRawBool,
	"max_json_depth": anInt, "max_json_string_value_length": anInt,
	"max_json_object_entry_count": anInt, "max_json_array_element_count": anInt, "max_json_token": anInt,
}

// listenerBlocks are the blocks in a listener block. Each has one key.
var listenerBlocks = []struct {
	name, key string
	check     check
}{
	{"agent_api", "enable_quit", aBool},
	{"proxy_api", "enable_quit", aBool},
	{"telemetry", "unauthenticated_metrics_access", aRawBool},
	{"profiling", "unauthenticated_pprof_access", aRawBool},
	{"inflight_requests_logging", "unauthenticated_in_flight_requests_access", aRawBool},
}

// listener is a listener block.
type listener struct {
	pos Pos
}

func readListener(s *scope) listener {
	kind := strings.ToLower(s.typeName())
	if kind != "tcp" && kind != "unix" && kind != "" {
		s.problem(LoadError, "", "unknown listener type "+strconv.Quote(kind), `write "tcp" or "unix"`)
	}
	checkKeys(s, listenerKeys)
	checkWord(s, LoadError, "proxy_protocol_behavior", "", "use_always", "allow_authorized", "deny_unauthorized")
	var limit time.Duration
	if get(s, "max_request_duration", asSeconds, &limit) && limit < 0 {
		s.problem(LoadError, "max_request_duration", "must not be negative", "")
	}
	for _, inner := range listenerBlocks {
		if b := s.block(inner.name); b != nil {
			inner.check(b, inner.key)
			b.finish(Warning)
		}
	}
	warnNotImplemented(s)
	s.finish(Warning)
	return listener{pos: s.pos()}
}

// tokenUse is use_auto_auth_token of cache or api_proxy.
type tokenUse struct {
	set, enabled bool
}

func readTokenUse(s *scope) tokenUse {
	use := tokenUse{set: s.has("use_auto_auth_token")}
	get(s, "use_auto_auth_token", asTokenUse, &use.enabled)
	return use
}

func asTokenUse(v hclread.Value) (bool, error) {
	if v.Kind == hclread.String && strings.EqualFold(v.Text, "force") {
		return true, nil
	}
	yes, err := asRawBool(v)
	if err != nil {
		return false, &valueError{`must be true, false or "force", not ` + v.Describe(), ""}
	}
	return yes, nil
}

// cache is the cache block.
type cache struct {
	token tokenUse
	pos   Pos
}

var persistKeys = map[string]check{
	"path": aText, "keep_after_import": aBool, "exit_on_err": aBool, "service_account_token_file": aText,
}

func readCache(s *scope) *cache {
	c := &cache{token: readTokenUse(s), pos: s.pos()}
	readConsistency(s)
	if persist := s.single(s.labelled("persist", "config")); persist != nil {
		kind := persist.typeName()
		checkKeys(persist, persistKeys)
		if kind != "kubernetes" && kind != "" {
			persist.problem(StartError, "", "unknown type "+strconv.Quote(kind), `the only type is "kubernetes"`)
		}
		persist.finish(Warning)
	}
	warnNotImplemented(s)
	s.finish(Warning)
	return c
}

// readConsistency reads the keys that cache and api_proxy share. Vault Agent
// checks their values when it starts.
func readConsistency(s *scope) {
	checkWord(s, StartError, "enforce_consistency", "", "never", "always")
	checkWord(s, StartError, "when_inconsistent", "", "fail", "retry", "forward")
}

// apiProxy is the api_proxy block.
type apiProxy struct {
	token tokenUse
	pos   Pos
}

func readAPIProxy(s *scope) *apiProxy {
	p := &apiProxy{token: readTokenUse(s), pos: s.pos()}
	readConsistency(s)
	warnNotImplemented(s)
	s.finish(Warning)
	return p
}

// telemetryKeys are the keys of the telemetry block.
var telemetryKeys = map[string]check{
	"statsite_address": aText, "statsd_address": aText, "dogstatsd_addr": aText, "dogstatsd_tags": aList,
	"disable_hostname": aBool, "enable_hostname_label": aBool, "metrics_prefix": aText,
	"usage_gauge_period": aDurationOrNone, "lease_metrics_epsilon": aDurationOrNone,
	"prometheus_retention_time": aDuration,
	"maximum_gauge_cardinality": aNumber, "num_lease_metrics_buckets": aNumber,
	"add_lease_metrics_namespace_labels": aBool, "add_mount_point_rollback_metrics": aBool,
	"filter_default": aBool, "prefix_filter": aList,
	"circonus_api_token": aText, "circonus_api_app": aText, "circonus_api_url": aText,
	"circonus_submission_interval": aText, "circonus_submission_url": aText, "circonus_check_id": aText,
	"circonus_check_force_metric_activation": aText, "circonus_check_instance_id": aText,
	"circonus_check_search_tag": aText, "circonus_check_tags": aText, "circonus_check_display_name": aText,
	"circonus_broker_id": aText, "circonus_broker_select_tag": aText,
	"stackdriver_project_id": aText, "stackdriver_location": aText, "stackdriver_namespace": aText,
	"stackdriver_debug_logs": aBool,
}

func aDurationOrNone(s *scope, name string) {
	if v := s.value(name); v.Kind == hclread.String && v.Text == "none" {
		s.accept(name)
		return
	}
	aDuration(s, name)
}

func readTelemetry(s *scope) {
	checkKeys(s, telemetryKeys)
	warnNotImplemented(s)
	s.finish(Warning)
}

func (v validator) checkTokenUse() {
	if v.cache != nil && v.apiProxy != nil && v.cache.token.set && v.apiProxy.token.set {
		v.problem(ValidateError, v.cache.pos, "cache", "use_auto_auth_token", "is also set in api_proxy", "remove it here")
	}
	if v.cache != nil {
		if len(v.listeners)+v.countRendered() == 0 {
			v.problem(ValidateError, v.cache.pos, "cache", "", "needs a listener or a template", "")
		}
		v.checkToken(v.cache.token, v.cache.pos, "cache")
	}
	if v.apiProxy != nil {
		if len(v.listeners) == 0 {
			v.problem(ValidateError, v.apiProxy.pos, "api_proxy", "", "needs a listener",
				"use_auto_auth_token in cache implies an api_proxy")
		}
		v.checkToken(v.apiProxy.token, v.apiProxy.pos, "api_proxy")
	}
}

func (v validator) checkToken(use tokenUse, pos Pos, block string) {
	switch {
	case !use.enabled:
	case v.autoAuth == nil:
		v.problem(ValidateError, pos, block, "use_auto_auth_token", "needs auto_auth", "")
	case v.autoAuth.Method.WrapTTL > 0:
		v.problem(ValidateError, pos, block, "use_auto_auth_token", "cannot be combined with wrap_ttl in auto_auth", "")
	}
}
