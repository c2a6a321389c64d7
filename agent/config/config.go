// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package config reads the configuration, in HCL or JSON, and returns one
// immutable value. It reads Vault Agent's files unchanged. In addition it knows
// the keys of Nomad's template block, bundle blocks and several exec blocks.
//
// It reports all problems at once, each with file, line, block and key. It
// ignores no key without a warning. It does not talk to Vault, and it reads no
// files besides the configuration itself, those that its expressions read with
// file(), and the time zones of the system.
//
// The readers of the languages are in package hclread. Here, each block has a
// file with the type of its value, the function that reads it, and its checks.
package config

import (
	"os"
	"time"
)

// Config is the whole configuration. It is not changed after Load.
type Config struct {
	Vault Vault
	// AddressFrom is where Vault.Address comes from: "-address", "VAULT_ADDR",
	// "vault.address" or "default".
	AddressFrom string
	// AutoAuth is not nil in a configuration without errors.
	AutoAuth       *AutoAuth
	Templates      []Template
	EnvTemplates   []EnvTemplate
	Bundles        []Bundle
	TemplateConfig TemplateConfig
	// Execs are the programs that certagent runs and supervises; none: there is
	// no child.
	Execs         []Exec
	PIDFile       string // of certagent itself; empty: none
	ExitAfterAuth bool
	// Subreaper makes certagent adopt and reap orphaned descendants even if it
	// is not process 1, which always does.
	Subreaper bool
	// StopTimeout is the time that the supervisor of certagent leaves it to
	// stop, from SIGTERM to SIGKILL. The kill timeouts of children are cut to
	// fit. 0 means unknown.
	StopTimeout time.Duration
	Log         Log
	// DisableIdleConnections and DisableKeepAlives list the parts of the agent
	// to whose connections they apply: auto-auth, caching, proxying,
	// templating.
	DisableIdleConnections, DisableKeepAlives []string
	Files                                     []string // that were read, in order
}

// Load reads files, and the *.hcl and *.json files of directories in
// alphabetical order, and merges them in this order. It returns all problems.
// The configuration is nil if one of them is an error.
func Load(paths []string, o Overrides) (*Config, Problems) {
	if o.LookupEnv == nil {
		o.LookupEnv = os.LookupEnv
	}
	l := &loader{overrides: o, document: &document{templateConfig: noTemplateConfig}}
	for _, path := range paths {
		l.path(path)
	}
	if len(paths) == 0 {
		l.fail(Pos{}, "there is no configuration", "name a file or a directory with -config")
	}
	c := l.finish()
	l.problems.sort(l.sources)
	if len(l.problems.Errors()) > 0 {
		return nil, l.problems
	}
	return c, l.problems
}

// document is the content of one file, or of several files merged.
type document struct {
	vault          *Vault
	addressFrom    string
	autoAuth       *AutoAuth
	templates      []Template
	envTemplates   []EnvTemplate
	bundles        []Bundle
	templateConfig TemplateConfig
	execs          []Exec
	cache          *cache
	apiProxy       *apiProxy
	listeners      []listener
	log            logSettings
	pidFile        string
	exitAfterAuth  bool
	subreaper      bool
	stopTimeout    time.Duration

	disableIdleConnections, disableKeepAlives []string
}

func readDocument(s *scope) *document {
	d := &document{templateConfig: noTemplateConfig, log: readLogSettings(s)}
	get(s, "pid_file", asText, &d.pidFile)
	get(s, "exit_after_auth", asBool, &d.exitAfterAuth)
	get(s, "subreaper", asBool, &d.subreaper)
	getPositive(s, "stop_timeout", asSeconds, &d.stopTimeout)
	d.disableIdleConnections = readSubsystems(s, "disable_idle_connections")
	d.disableKeepAlives = readSubsystems(s, "disable_keep_alives")
	d.readBlocks(s)
	d.readUnimplemented(s)
	readIgnored(s)
	s.refuse("certificate", "must be inside a bundle", `write bundle "NAME" { certificate { … } }`)
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

// readUnimplemented reads the blocks of proxy.go.
func (d *document) readUnimplemented(s *scope) {
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
	// Vault Agent does this in each file, before it merges them.
	if d.cache != nil && d.cache.token.enabled && d.apiProxy == nil {
		d.apiProxy = &apiProxy{token: tokenUse{enabled: true}, pos: d.cache.pos}
	}
}

// ignored are keys that Vault Agent accepts because its parser is shared with
// Vault's server. They have no effect in either agent.
var ignored = map[string]check{
	"disable_mlock": aRawBool, "default_max_request_duration": aDuration,
	"cluster_name": aText, "administrative_namespace_path": aText,
	"seal": anything, "kms": anything, "hsm": anything, "entropy": anything,
	"user_lockout": anything, "cloud": anything,
}

func readIgnored(s *scope) {
	checkKeys(s, ignored)
	for name := range ignored {
		if s.has(name) {
			s.problem(Warning, name, "has no effect in an agent", "")
		}
	}
}

// HUPReloads reports whether certagent reloads its configuration on SIGHUP. It
// does, unless every exec block has hup = "child".
func (c *Config) HUPReloads() bool {
	for _, e := range c.Execs {
		if e.HUP != HUPChild {
			return true
		}
	}
	return len(c.Execs) == 0
}
