// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"strconv"
	"strings"
)

// Overrides are what counts more than the files: flag before environment
// before file before default.
type Overrides struct {
	Flags Flags
	// LookupEnv reads the environment; nil is os.LookupEnv.
	LookupEnv func(string) (string, bool)
}

// Flags are the flags of the command line; nil is one that was not given.
type Flags struct {
	Address, CACert, CAPath, ClientCert, ClientKey, TLSServerName, Namespace *string

	LogLevel, LogFormat, LogFile, LogRotateDuration *string
	LogRotateBytes, LogRotateMaxFiles               *int

	TLSSkipVerify, ExitAfterAuth *bool
}

// apply lets flags and environment replace what the files say.
func (o Overrides) apply(d *document, problems *Problems) {
	if d.vault == nil {
		d.vault = &Vault{}
	}
	o.applyVault(d.vault, problems)
	o.applyNamespace(d)
	o.applyLog(&d.log)
	if o.Flags.ExitAfterAuth != nil {
		d.exitAfterAuth = *o.Flags.ExitAfterAuth
	}
	d.disableIdleConnections = subsystemsFromEnv(o, "VAULT_AGENT_DISABLE_IDLE_CONNECTIONS",
		d.disableIdleConnections, problems)
	d.disableKeepAlives = subsystemsFromEnv(o, "VAULT_AGENT_DISABLE_KEEP_ALIVES", d.disableKeepAlives, problems)
}

func (o Overrides) applyVault(v *Vault, problems *Problems) {
	o.text(o.Flags.Address, "VAULT_ADDR", &v.Address, problems)
	o.text(o.Flags.CACert, "VAULT_CACERT", &v.CACert, problems)
	o.text(o.Flags.CAPath, "VAULT_CAPATH", &v.CAPath, problems)
	o.text(o.Flags.ClientCert, "VAULT_CLIENT_CERT", &v.ClientCert, problems)
	o.text(o.Flags.ClientKey, "VAULT_CLIENT_KEY", &v.ClientKey, problems)
	o.text(o.Flags.TLSServerName, "VAULT_TLS_SERVER_NAME", &v.TLSServerName, problems)
	o.skipVerify(v, problems)
	if v.Address == "" {
		v.Address = defaultAddress
	}
	v.Address = normalizeAddress(v.Address)
	if v.NumRetries == 0 {
		v.NumRetries = defaultNumRetries
	}
}

// text sets a text from a flag or a variable. A variable that is set but empty
// counts, as in Vault Agent, and is worth a warning if it hides something.
func (o Overrides) text(flag *string, variable string, to *string, problems *Problems) {
	set, isSet := o.LookupEnv(variable)
	switch {
	case flag != nil:
		*to = *flag
	case isSet:
		if set == "" && *to != "" {
			*problems = append(*problems, Problem{Kind: Warning, Block: "environment", Name: variable,
				Message: "is set but empty, and overrides the value in the file", Hint: "unset it"})
		}
		*to = set
	}
}

func (o Overrides) skipVerify(v *Vault, problems *Problems) {
	const variable = "VAULT_SKIP_VERIFY"
	set, isSet := o.LookupEnv(variable)
	switch {
	case o.Flags.TLSSkipVerify != nil:
		v.TLSSkipVerify = *o.Flags.TLSSkipVerify
	case isSet && set == "":
		v.TLSSkipVerify = false
	case isSet:
		skip, err := strconv.ParseBool(set)
		if err != nil {
			*problems = append(*problems, Problem{Kind: StartError, Block: "environment", Name: variable,
				Message: "must be a bool, not " + strconv.Quote(set), Hint: "write true or false"})
		}
		v.TLSSkipVerify = skip
	}
}

// applyNamespace: a namespace from outside replaces all namespaces of the files,
// unless it is empty. Among those, the login's is its own, and each stands in
// where the other is not set.
func (o Overrides) applyNamespace(d *document) {
	namespace, _ := o.LookupEnv("VAULT_NAMESPACE")
	if o.Flags.Namespace != nil {
		namespace = *o.Flags.Namespace
	}
	login := &Method{}
	if d.autoAuth != nil {
		login = &d.autoAuth.Method
	}
	switch {
	case namespace != "":
		d.vault.Namespace, login.Namespace = namespace, namespace
	case d.vault.Namespace == "":
		d.vault.Namespace = login.Namespace
	case login.Namespace == "":
		login.Namespace = d.vault.Namespace
	}
}

func (o Overrides) applyLog(k *logSettings) {
	k.origin = mergeOrigins(k.origin, nil) // not to change a file's own
	o.logText(o.Flags.LogLevel, "VAULT_LOG_LEVEL", "log_level", k, &k.level)
	o.logText(o.Flags.LogFormat, "VAULT_LOG_FORMAT", "log_format", k, &k.format)
	o.logText(o.Flags.LogFile, "", "log_file", k, &k.file)
	o.logText(o.Flags.LogRotateDuration, "", "log_rotate_duration", k, &k.rotateDuration)
	k.rotateBytes = or(o.Flags.LogRotateBytes, k.rotateBytes)
	k.rotateMaxFiles = or(o.Flags.LogRotateMaxFiles, k.rotateMaxFiles)
}

func (o Overrides) logText(flag *string, variable, name string, k *logSettings, to *string) {
	if flag != nil {
		*to = *flag
		k.origin[name] = Problem{Kind: StartError, Block: "flag", Name: "-" + strings.ReplaceAll(name, "_", "-")}
		return
	}
	if variable == "" {
		return
	}
	if set, isSet := o.LookupEnv(variable); isSet {
		*to = set
		k.origin[name] = Problem{Kind: StartError, Block: "environment", Name: variable}
	}
}
