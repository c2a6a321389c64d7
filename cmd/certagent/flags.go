// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"flag"
	"strconv"
	"strings"

	"github.com/certagent/certagent/agent/config"
)

// paths is the value of a flag that may be repeated.
type paths []string

func (p *paths) String() string { return strings.Join(*p, " ") }

func (p *paths) Set(path string) error {
	*p = append(*p, path)
	return nil
}

// configFlags are the flags that name the configuration and override it. They are
// Vault Agent's.
type configFlags struct {
	paths       paths
	values      config.Flags
	once        bool // -once was given
	verifyOnly  bool
	combineLogs bool     // log to standard output
	ignored     []string // given flags that have no effect
}

func (c *configFlags) register(flags *flag.FlagSet) {
	v := &c.values
	flags.Var(&c.paths, "config", "")
	for name, to := range map[string]**string{
		"address": &v.Address, "ca-cert": &v.CACert, "ca-path": &v.CAPath, "client-cert": &v.ClientCert,
		"client-key": &v.ClientKey, "tls-server-name": &v.TLSServerName, "namespace": &v.Namespace, "ns": &v.Namespace,
		"log-level": &v.LogLevel, "log-format": &v.LogFormat, "log-file": &v.LogFile, "log-rotate-duration": &v.LogRotateDuration,
	} {
		flags.Var(textFlag{to}, name, "")
	}
	flags.Var(intFlag{&v.LogRotateBytes}, "log-rotate-bytes", "")
	flags.Var(intFlag{&v.LogRotateMaxFiles}, "log-rotate-max-files", "")
	flags.Var(boolFlag{&v.TLSSkipVerify}, "tls-skip-verify", "")
	flags.Var(boolFlag{&v.ExitAfterAuth}, "exit-after-auth", "")
	flags.BoolFunc("once", "", c.setOnce)
	flags.BoolVar(&c.verifyOnly, "test-verify-only", false, "")
	flags.BoolVar(&c.combineLogs, "combine-logs", false, "")
	// Flags that Vault Agent accepts and that have no effect on an agent.
	for _, name := range []string{"agent-address", "header", "mfa", "wrap-ttl", "unlock-key"} {
		flags.Func(name, "", func(string) error { c.ignored = append(c.ignored, name); return nil })
	}
	for _, name := range []string{"disable-gated-logs", "disable-redirects", "policy-override", "output-curl-string", "output-policy", "non-interactive"} {
		flags.BoolFunc(name, "", func(string) error { c.ignored = append(c.ignored, name); return nil })
	}
}

// setOnce sets -once: exit_after_auth for a job such as cron's, which has to end.
func (c *configFlags) setOnce(text string) error {
	if err := (boolFlag{&c.values.ExitAfterAuth}).Set(text); err != nil {
		return err
	}
	c.once = *c.values.ExitAfterAuth
	return nil
}

// load reads the configuration.
func (c *configFlags) load() (*config.Config, config.Problems) {
	return config.Load(c.paths, config.Overrides{Flags: c.values})
}

// The flags below distinguish a flag that was not given from one with a zero value:
// a given flag overrides the environment.

type textFlag struct{ to **string }

func (f textFlag) String() string { return "" }

func (f textFlag) Set(text string) error {
	*f.to = &text
	return nil
}

type intFlag struct{ to **int }

func (f intFlag) String() string { return "" }

func (f intFlag) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil {
		return errors.New("must be a whole number")
	}
	*f.to = &n
	return nil
}

type boolFlag struct{ to **bool }

func (f boolFlag) String() string   { return "" }
func (f boolFlag) IsBoolFlag() bool { return true }

func (f boolFlag) Set(text string) error {
	b, err := strconv.ParseBool(text)
	if err != nil {
		return errors.New("must be true or false")
	}
	*f.to = &b
	return nil
}
