// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"cmp"
	"fmt"
	"time"
)

// TemplateConfig holds for all templates.
type TemplateConfig struct {
	// ExitOnRetryFailure ends certagent when a secret cannot be had.
	ExitOnRetryFailure bool
	// StaticSecretRenderInterval is how often secrets without a lease are read.
	StaticSecretRenderInterval time.Duration
	MaxConnectionsPerHost      int // 0: any number
	// LeaseRenewalThreshold is the part of a lease or a certificate's life after
	// which it is renewed, between 0 and 1.
	LeaseRenewalThreshold float64
}

const (
	defaultStaticInterval   = 5 * time.Minute
	defaultMaxConnections   = 10
	defaultRenewalThreshold = 0.90
)

// noTemplateConfig is a template_config block that says nothing.
var noTemplateConfig = TemplateConfig{MaxConnectionsPerHost: defaultMaxConnections}

func readTemplateConfig(s *scope) TemplateConfig {
	t := noTemplateConfig
	get(s, "exit_on_retry_failure", asBool, &t.ExitOnRetryFailure)
	get(s, "static_secret_render_interval", asSeconds, &t.StaticSecretRenderInterval)
	get(s, "max_connections_per_host", asDecimal, &t.MaxConnectionsPerHost)
	if t.StaticSecretRenderInterval < 0 {
		s.problem(StartError, "static_secret_render_interval", "is negative", "")
	}
	if get(s, "lease_renewal_threshold", asFloat, &t.LeaseRenewalThreshold) {
		t.checkThreshold(s)
	}
	s.finish(Warning)
	return t
}

// checkThreshold: Vault Agent takes any number, and with 1.5 renews after expiry.
func (t *TemplateConfig) checkThreshold(s *scope) {
	if t.LeaseRenewalThreshold > 0 && t.LeaseRenewalThreshold < 1 {
		return
	}
	s.problem(Warning, "lease_renewal_threshold",
		fmt.Sprintf("is not between 0 and 1; %.2f is used", defaultRenewalThreshold),
		"1 would renew at the moment of expiry")
	t.LeaseRenewalThreshold = defaultRenewalThreshold
}

// withDefaults fills in what was not set.
func (t TemplateConfig) withDefaults() TemplateConfig {
	t.StaticSecretRenderInterval = cmp.Or(t.StaticSecretRenderInterval, defaultStaticInterval)
	t.LeaseRenewalThreshold = cmp.Or(t.LeaseRenewalThreshold, defaultRenewalThreshold)
	return t
}
