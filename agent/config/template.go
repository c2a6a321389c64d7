// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/certagent/certagent/agent/config/hclread"
	"github.com/certagent/certagent/settings"
)

// Template is the template block: one file that is rendered from secrets, and
// the reaction to its change.
type Template struct {
	Text
	Destination    string
	CreateDestDirs bool
	Perms          fs.FileMode // permission bits only; meaningful if PermsSet
	PermsSet       bool
	User, Group    string // a name or a number; empty: not set
	Backup         bool
	SandboxPath    string // the only directory that the function file may read; empty: no limit
	Wait           Wait
	Change         Change
	Pos            Pos
}

// Text holds what template and env_template blocks have in common.
type Text struct {
	settings.TemplateText
	// ErrorFatal is not set if a template that fails is to hurt nothing else. A
	// template at the top level then shares a bundle only with templates whose
	// certificate or key it uses, and the agent starts even if it does not parse.
	ErrorFatal bool
}

func readTemplate(s *scope) Template {
	t := readTemplateFile(s)
	t.Change = readChange(s)
	t.check(s)
	return t
}

// readTemplateFile reads all keys but those of the change.
func readTemplateFile(s *scope) Template {
	t := Template{Text: readText(s), CreateDestDirs: true, Pos: s.pos()}
	get(s, "destination", asString, &t.Destination)
	get(s, "create_dest_dirs", asBool, &t.CreateDestDirs)
	get(s, "backup", asBool, &t.Backup)
	get(s, "sandbox_path", asString, &t.SandboxPath)
	t.readOwner(s)
	t.readPerms(s)
	t.Wait = readWait(s)
	return t
}

// check reports unknown keys, and then checks the template as a whole.
func (t *Template) check(s *scope) {
	refuseNomadKeys(s)
	refuseBundleKeys(s)
	s.finish(LoadError)

	if t.Destination == "" {
		s.problem(StartError, "destination", "is missing", "write the path of the file")
	}
	if t.Source == "" && t.Contents == "" {
		s.problem(StartError, "", "has neither source nor contents", "set one of them")
	}
	if t.Source != "" && t.Contents != "" {
		s.problem(StartError, "contents", "cannot be combined with source", "keep one of them")
	}
}

// refuseBundleKeys reports keys that only a bundle has: its files change together,
// and one check and one proof are for all of them.
func refuseBundleKeys(s *scope) {
	hint := `move it from this block into the bundle`
	if s.title == "template" {
		hint = `write a bundle "NAME" { … } block with a certificate block and this one, instead of the template`
	}
	s.refuse("verify", "must be inside a bundle, which knows the certificate to expect", hint)
	if s.title == "template" {
		hint = `write a bundle "NAME" { … } block with this one, and move the template into it`
	}
	s.refuse("check", "must be inside a bundle, whose files are restored if it fails", hint)
}

// refuseNomadKeys reports keys of Nomad's template block that have another name
// here.
func refuseNomadKeys(s *scope) {
	s.refuse("data", "unknown key (from Nomad)", "use contents")
	s.refuse("env", "unknown key (from Nomad)", "use env_template with an exec block")
	s.refuse("once", "unknown key (from Nomad)", "use exit_after_auth for the whole configuration")
	s.refuse("vault_grace", "unknown key (from Nomad)", "remove it: it has no effect in Nomad either")
}

func readText(s *scope) Text {
	t := Text{ErrorFatal: true}
	get(s, "source", asString, &t.Source)
	get(s, "contents", asString, &t.Contents)
	if get(s, "error_on_missing_key", asBool, &t.ErrorOnMissingKey) {
		t.AllowNoValue = !t.ErrorOnMissingKey // as in Vault Agent, if it is written
	}
	get(s, "error_fatal", asBool, &t.ErrorFatal)
	get(s, "left_delimiter", asString, &t.LeftDelim)
	get(s, "right_delimiter", asString, &t.RightDelim)
	for _, name := range []string{"function_denylist", "function_blacklist"} {
		var denied []string
		get(s, name, asListOrCommas, &denied)
		t.FunctionDenylist = append(t.FunctionDenylist, denied...)
	}
	return t
}

// readOwner reads user and group, or uid and gid if these are not set.
func (t *Template) readOwner(s *scope) {
	get(s, "user", asString, &t.User)
	get(s, "group", asString, &t.Group)
	t.User = idInstead(s, "user", t.User, "uid")
	t.Group = idInstead(s, "group", t.Group, "gid")
}

func idInstead(s *scope, name, owner, idName string) string {
	id := -1
	switch {
	case !get(s, idName, asInteger, &id):
	case s.has(name):
		s.problem(Warning, idName, "is ignored, because "+name+" is set", "")
	case id >= 0:
		return strconv.Itoa(id)
	}
	return owner
}

// readPerms reads the permissions. Without them, or with 0, an existing file
// keeps its own.
func (t *Template) readPerms(s *scope) {
	var mode int
	if get(s, "perms", asMode, &mode) && mode != 0 {
		t.Perms = readMode(s, LoadError, "perms", mode)
		t.PermsSet = true
	}
}

// Wait delays the rendering of a template until its secrets have not changed
// for Min, but no longer than Max. Zero means no delay.
type Wait struct {
	Min, Max time.Duration
}

// readWait reads a wait block with min and max, or a string "MIN:MAX".
func readWait(s *scope) Wait {
	if s.value("wait").Kind == hclread.String {
		var w Wait
		get(s, "wait", asWait, &w)
		return w
	}
	b := s.lastBlock("wait")
	if b == nil {
		return Wait{}
	}
	var w Wait
	getNanoseconds(b, "min", &w.Min)
	hasMax := getNanoseconds(b, "max", &w.Max)
	enabled := w.Min != 0
	// The key is named bool by mistake in consul-template, and Vault Agent has
	// kept that.
	get(b, "bool", asBool, &enabled)
	b.refuse("enabled", "unknown key", `use bool to turn it on or off`)
	b.finish(LoadError)
	switch {
	case !enabled:
		return Wait{}
	case !hasMax:
		w.Max = 4 * w.Min
	case w.Max < w.Min:
		b.problem(Warning, "max", "is shorter than min; only max is used", "")
		w.Min = w.Max
	}
	return w
}

func asWait(v hclread.Value) (Wait, error) {
	w, err := parseWait(v.Text)
	if err != nil {
		return Wait{}, &valueError{err.Error() + " in " + v.Describe(), `write "MIN:MAX", such as "2s:10s"`}
	}
	return w, nil
}

func parseWait(s string) (Wait, error) {
	shortest, longest, both := strings.Cut(strings.TrimSpace(s), ":")
	least, err := time.ParseDuration(strings.TrimSpace(shortest))
	if err != nil {
		return Wait{}, errors.New("the minimum is not a duration")
	}
	w := Wait{Min: least, Max: 4 * least}
	if both {
		if w.Max, err = time.ParseDuration(strings.TrimSpace(longest)); err != nil {
			return Wait{}, errors.New("the maximum is not a duration")
		}
	}
	if w.Min < 0 || w.Max < w.Min {
		return Wait{}, errors.New("the maximum is shorter than the minimum")
	}
	return w, nil
}

// TemplateConfig is the template_config block: settings of all templates.
type TemplateConfig struct {
	// ExitOnRetryFailure makes certagent exit when a secret cannot be read
	// after all retries.
	ExitOnRetryFailure bool
	// StaticSecretRenderInterval is the interval at which secrets without a
	// lease are read.
	StaticSecretRenderInterval time.Duration
	MaxConnectionsPerHost      int // 0: no limit
	// LeaseRenewalThreshold is the fraction of the lifetime of a lease or a
	// certificate after which it is renewed, between 0 and 1.
	LeaseRenewalThreshold float64
}

const (
	defaultStaticInterval   = 5 * time.Minute
	defaultMaxConnections   = 10
	defaultRenewalThreshold = 0.90
)

// noTemplateConfig is the value of an empty template_config block.
var noTemplateConfig = TemplateConfig{MaxConnectionsPerHost: defaultMaxConnections}

func readTemplateConfig(s *scope) TemplateConfig {
	t := noTemplateConfig
	get(s, "exit_on_retry_failure", asBool, &t.ExitOnRetryFailure)
	get(s, "static_secret_render_interval", asSeconds, &t.StaticSecretRenderInterval)
	get(s, "max_connections_per_host", asDecimal, &t.MaxConnectionsPerHost)
	if t.StaticSecretRenderInterval < 0 {
		s.problem(StartError, "static_secret_render_interval", "must not be negative", "")
	}
	if get(s, "lease_renewal_threshold", asFloat, &t.LeaseRenewalThreshold) {
		t.checkThreshold(s)
	}
	s.finish(Warning)
	return t
}

// checkThreshold warns about a fraction that is not between 0 and 1. Vault
// Agent accepts any number: with 1.5 it would renew after expiry.
func (t *TemplateConfig) checkThreshold(s *scope) {
	if t.LeaseRenewalThreshold > 0 && t.LeaseRenewalThreshold < 1 {
		return
	}
	s.problem(Warning, "lease_renewal_threshold",
		fmt.Sprintf("is not between 0 and 1; %.2f is used", defaultRenewalThreshold),
		"write for example 0.9: 1 would renew at the moment of expiry")
	t.LeaseRenewalThreshold = defaultRenewalThreshold
}

// withDefaults returns the settings with defaults for what is not set.
func (t TemplateConfig) withDefaults() TemplateConfig {
	t.StaticSecretRenderInterval = cmp.Or(t.StaticSecretRenderInterval, defaultStaticInterval)
	t.LeaseRenewalThreshold = cmp.Or(t.LeaseRenewalThreshold, defaultRenewalThreshold)
	return t
}
