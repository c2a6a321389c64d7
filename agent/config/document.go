// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import "time"

// document is what one file says, or several files merged.
type document struct {
	vault          *Vault
	autoAuth       *AutoAuth
	templates      []Template
	envTemplates   []EnvTemplate
	bundles        []Bundle
	templateConfig TemplateConfig
	execs          []Exec
	cache          *cache
	apiProxy       *apiProxy
	listeners      []listener
	log            logKeys
	pidFile        string
	exitAfterAuth  bool
	subreaper      bool
	stopTimeout    time.Duration

	disableIdleConnections, disableKeepAlives []string
}

func readDocument(s *scope) *document {
	d := &document{templateConfig: noTemplateConfig, log: readLogKeys(s)}
	get(s, "pid_file", asText, &d.pidFile)
	get(s, "exit_after_auth", asBool, &d.exitAfterAuth)
	get(s, "subreaper", asBool, &d.subreaper)
	positive(s, "stop_timeout", asSeconds, &d.stopTimeout)
	d.disableIdleConnections = readSubsystems(s, "disable_idle_connections")
	d.disableKeepAlives = readSubsystems(s, "disable_keep_alives")
	d.readBlocks(s)
	d.readLater(s)
	readIgnored(s)
	s.refuse("certificate", "belongs into a bundle", `write bundle "NAME" { certificate { … } }`)
	s.finish(Warning)
	return d
}

func (d *document) readBlocks(s *scope) {
	if b := s.block("vault"); b != nil {
		d.vault = readVault(b)
	}
	if b := s.block("auto_auth"); b != nil {
		d.autoAuth = readAutoAuth(b)
	}
	if b := s.block("template_config"); b != nil {
		d.templateConfig = readTemplateConfig(b)
	}
	d.execs = readExecs(s)
	for _, b := range s.blocks("template") {
		d.templates = append(d.templates, readTemplate(b))
	}
	for _, b := range s.labelled("env_template", "exec", "wait") {
		d.envTemplates = append(d.envTemplates, readEnvTemplate(b))
	}
	for _, b := range s.labelled("bundle", "certificate", "template", "check", "verify", "exec", "change_script", "perms") {
		d.bundles = append(d.bundles, readBundle(b))
	}
}

func (d *document) readLater(s *scope) {
	if b := s.block("cache"); b != nil {
		d.cache = readCache(b)
	}
	if b := s.block("api_proxy"); b != nil {
		d.apiProxy = readAPIProxy(b)
	}
	for _, b := range s.labelled("listener", "agent_api", "proxy_api", "telemetry", "profiling",
		"inflight_requests_logging", "custom_response_headers") {
		d.listeners = append(d.listeners, readListener(b))
	}
	if b := s.block("telemetry"); b != nil {
		readTelemetry(b)
	}
	// Vault Agent does so in each file, before it merges them.
	if d.cache != nil && d.cache.token.yes && d.apiProxy == nil {
		d.apiProxy = &apiProxy{token: tokenUse{yes: true}, pos: d.cache.pos}
	}
}

// ignored are the keys that Vault Agent shares with Vault's server. They have no
// effect in either agent.
var ignored = map[string]check{
	"disable_mlock": aRawBool, "default_max_request_duration": aDuration,
	"cluster_name": aText, "administrative_namespace_path": aText,
	"seal": anything, "kms": anything, "hsm": anything, "entropy": anything,
	"user_lockout": anything, "cloud": anything,
}

func readIgnored(s *scope) {
	for name, check := range ignored {
		check(s, name)
		if s.has(name) {
			s.problem(Warning, name, "has no effect in an agent", "")
		}
	}
}
