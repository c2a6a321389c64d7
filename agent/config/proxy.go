// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"strconv"
	"strings"
	"time"

	"github.com/certagent/certagent/agent/config/hclread"
)

// check reads a key for its type only.
type check func(s *scope, name string)

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
	aList     = checked(asLooseList)
	anything  = checked(asAny)
)

// listenerKeys are the keys of a listener that are checked one by one. Many are
// of Vault's server and have no effect in Vault Agent.
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

// listenerBlocks are the blocks of a listener, each with its one key.
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

// listener is what validation needs to know of a listener block.
type listener struct {
	pos Pos
}

func readListener(s *scope) listener {
	kind := strings.ToLower(s.typed())
	if kind != "tcp" && kind != "unix" && kind != "" {
		s.problem(LoadError, "", "unknown listener type "+strconv.Quote(kind), `write "tcp" or "unix"`)
	}
	for name, check := range listenerKeys {
		check(s, name)
	}
	oneOf(s, LoadError, "proxy_protocol_behavior", "", "use_always", "allow_authorized", "deny_unauthorized")
	var limit time.Duration
	if get(s, "max_request_duration", asSeconds, &limit) && limit < 0 {
		s.problem(LoadError, "max_request_duration", "is negative", "")
	}
	for _, inner := range listenerBlocks {
		if b := s.block(inner.name); b != nil {
			inner.check(b, inner.key)
			b.finish(Warning)
		}
	}
	notYet(s)
	s.finish(Warning)
	return listener{pos: s.pos()}
}
