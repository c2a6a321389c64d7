// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"strconv"
	"strings"
)

// Overrides take precedence over the files. The order is flag, environment,
// file, default.
type Overrides struct {
	Flags Flags
	// LookupEnv looks up an environment variable; nil means os.LookupEnv.
	LookupEnv func(string) (string, bool)
}

// Flags are the flags of the command line. A nil field is a flag that was not
// given.
type Flags struct {
	Address, CACert, CAPath, ClientCert, ClientKey, TLSServerName, Namespace *string

	LogLevel, LogFormat, LogFile, LogRotateDuration *string
	LogRotateBytes, LogRotateMaxFiles               *int

	TLSSkipVerify, ExitAfterAuth *bool
}

// apply sets the flags and environment variables in the document.
func (o Overrides) apply(d *document, problems *Problems) {
	d.addressFrom = o.addressFrom(d.vault)
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

// addressFrom returns where the address comes from that applyVault chooses.
func (o Overrides) addressFrom(v *Vault) string {
	set, isSet := o.LookupEnv("VAULT_ADDR")
	switch {
	case o.Flags.Address != nil && *o.Flags.Address != "":
		return "-address"
	case o.Flags.Address == nil && set != "":
		return "VAULT_ADDR"
	case o.Flags.Address == nil && !isSet && v != nil && v.Address != "":
		return "vault.address"
	}
	return "default"
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

// text sets a string from a flag or an environment variable. A variable that is
// set but empty counts, as in Vault Agent, and gets a warning if it overrides a
// value.
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

// applyNamespace sets the namespaces. A namespace from a flag or the
// environment replaces those of the files, unless it is empty. The namespace of
// the login and that of the vault block each default to the other.
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
	k.origin = mergeOrigins(k.origin, nil) // a copy: the map belongs to a file
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
