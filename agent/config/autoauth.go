// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/certagent/certagent/agent/config/hclread"
	"github.com/certagent/certagent/settings"
)

// AutoAuth is the auto_auth block: how certagent logs in, and where it writes
// its token.
type AutoAuth struct {
	Method Method
	Sinks  []Sink
	// ReauthOnNewCredentials logs in again as soon as the method finds new
	// credentials, not only when the token expires.
	ReauthOnNewCredentials bool
	Pos                    Pos
}

func readAutoAuth(s *scope) *AutoAuth {
	a := &AutoAuth{Pos: s.pos()}
	get(s, "enable_reauth_on_new_credentials", asBool, &a.ReauthOnNewCredentials)
	if method := s.single(s.labelled("method", "config")); method != nil {
		a.Method = readMethod(method)
	} else {
		s.problem(LoadError, "", "the method block is missing", `add a method block, such as method "approle" { … }`)
	}
	for _, sink := range s.labelled("sink", "config") {
		a.Sinks = append(a.Sinks, readSink(sink))
	}
	a.checkSinks(s)
	a.checkWrapping(s)
	s.finish(Warning)
	return a
}

// checkSinks reports the key sinks. Vault Agent ignores it next to a sink block.
// Without one it takes the block for a sink without a type and does not start.
func (a *AutoAuth) checkSinks(s *scope) {
	s.accept("sinks")
	const hint = `write a sink "file" { … } block for each sink, directly in auto_auth`
	switch v := s.value("sinks"); v.Kind {
	case hclread.Absent:
	case hclread.Block, hclread.List:
		if objects, _ := v.Blocks(); len(objects) > 0 && len(a.Sinks) == 0 {
			s.problem(StartError, "sinks", "the sinks in it would not be written", hint)
			return
		}
		s.problem(Warning, "sinks", "is ignored, as in Vault Agent", hint)
	default:
		s.problem(LoadError, "sinks", "must be a block, not "+v.Describe(), hint)
	}
}

// checkWrapping checks that wrapping is consistent: a wrapped token can be
// unwrapped only once.
func (a *AutoAuth) checkWrapping(s *scope) {
	if a.Method.WrapTTL <= 0 {
		return
	}
	if len(a.Sinks) != 1 {
		s.problem(LoadError, "", "a method with wrap_ttl needs exactly one sink", "the token can be unwrapped only once")
		return
	}
	if a.Sinks[0].WrapTTL > 0 {
		s.problem(LoadError, "", "wrap_ttl is set in the method and in the sink", "keep one of them")
	}
}

// Method is the method block: an auth method with its settings. Exactly one of
// the last five fields is not nil.
type Method struct {
	Type      string // such as approle
	MountPath string // without a trailing slash
	// Namespace is the namespace of the login.
	Namespace  string
	WrapTTL    time.Duration // 0: the login is not wrapped
	MinBackoff time.Duration // 0: the default, 1 s
	MaxBackoff time.Duration // 0: the default, 5 min
	ExitOnErr  bool          // exit after the first failed login
	Pos        Pos

	AppRole    *settings.AppRole
	TokenFile  *settings.TokenFile
	Cert       *settings.Cert
	JWT        *settings.JWT
	Kubernetes *settings.Kubernetes
}

// The default back-off between failed logins.
const (
	defaultMinBackoff = time.Second
	defaultMaxBackoff = 5 * time.Minute
)

func readMethod(s *scope) Method {
	m := Method{Type: s.typeName(), Pos: s.pos()}
	get(s, "mount_path", asText, &m.MountPath)
	get(s, "namespace", asText, &m.Namespace)
	get(s, "wrap_ttl", asSeconds, &m.WrapTTL)
	get(s, "min_backoff", asSeconds, &m.MinBackoff)
	get(s, "max_backoff", asSeconds, &m.MaxBackoff)
	get(s, "exit_on_err", asBool, &m.ExitOnErr)
	m.MountPath = strings.TrimSuffix(cmp.Or(m.MountPath, "auth/"+m.Type), "/")
	m.Namespace = canonicalNamespace(m.Namespace)
	if cmp.Or(m.MinBackoff, defaultMinBackoff) > cmp.Or(m.MaxBackoff, defaultMaxBackoff) {
		s.problem(StartError, "min_backoff", "is longer than max_backoff", "")
	}
	m.readConfig(s)
	s.finish(Warning)
	return m
}

// canonicalNamespace returns a namespace in the form that Vault uses: without a
// leading slash, with a trailing one.
func canonicalNamespace(namespace string) string {
	if namespace == "" {
		return ""
	}
	return strings.TrimSuffix(strings.TrimPrefix(namespace, "/"), "/") + "/"
}

// readConfig reads the config block of the method. Its mistakes are start
// errors, because Vault Agent checks the settings when it starts and not when
// it reads the file.
func (m *Method) readConfig(s *scope) {
	settings := s.settings("config")
	switch m.Type {
	case "approle":
		m.AppRole = readAppRole(settings)
	case "token_file":
		m.TokenFile = readTokenFile(settings)
		m.MountPath = "auth/token" // whatever is configured: a token can be looked up only there
	case "cert":
		m.Cert = readCert(settings)
	case "jwt":
		m.JWT = readJWT(settings)
	case "kubernetes":
		m.Kubernetes = readKubernetes(settings)
	default:
		refuseUnknownMethod(s, m.Type, settings)
		return
	}
	settings.finish(Warning)
}

var (
	supportedMethods = []string{"approle", "cert", "jwt", "kubernetes", "token_file"}
	otherMethods     = []string{"alicloud", "aws", "azure", "cf", "gcp", "kerberos", "ldap", "oci"}
)

// refuseUnknownMethod reports a method that certagent does not have. Vault
// Agent refuses an unknown method with settings when it reads the file, and one
// without settings when it starts.
func refuseUnknownMethod(s *scope, method string, settings *scope) {
	if method == "" {
		return // already reported
	}
	hint := "supported methods: " + strings.Join(supportedMethods, ", ")
	if slices.Contains(otherMethods, method) {
		s.problem(Unsupported, "", "this auth method is not supported", hint)
		return
	}
	kind := StartError
	for _, setting := range settings.items {
		if setting.Value.Kind == hclread.String {
			kind = LoadError
		}
	}
	all := slices.Concat(supportedMethods, otherMethods)
	if lower := strings.ToLower(method); lower != method && slices.Contains(all, lower) {
		hint = "write the type in lower case: " + strconv.Quote(lower)
	} else if meant := didYouMean(method, all); meant != "" {
		hint = meant
	}
	s.problem(kind, "", "unknown auth method "+strconv.Quote(method), hint)
}

func readAppRole(s *scope) *settings.AppRole {
	m := &settings.AppRole{RemoveSecretIDFile: true}
	requireString(s, "role_id_file_path", &m.RoleIDFile)
	optionalString(s, "secret_id_file_path", &m.SecretIDFile)
	getAs(s, StartError, "remove_secret_id_file_after_reading", asRawBool, &m.RemoveSecretIDFile)
	if optionalString(s, "secret_id_response_wrapping_path", &m.WrappingPath) && m.WrappingPath == "" {
		s.problem(StartError, "secret_id_response_wrapping_path", "is empty", "")
	}
	return m
}

func readTokenFile(s *scope) *settings.TokenFile {
	m := &settings.TokenFile{}
	requireString(s, "token_file_path", &m.Path)
	return m
}

func readCert(s *scope) *settings.Cert {
	m := &settings.Cert{ReloadPeriod: time.Minute}
	optionalString(s, "name", &m.Name)
	optionalString(s, "ca_cert", &m.CACert)
	optionalString(s, "client_cert", &m.ClientCert)
	optionalString(s, "client_key", &m.ClientKey)
	getAs(s, StartError, "reload", asBool, &m.Reload)
	getPeriod(s, "reload_period", &m.ReloadPeriod)
	if (m.ClientCert == "") != (m.ClientKey == "") {
		s.problem(StartError, "", "client_cert and client_key must be set together", "set both or neither")
	}
	return m
}

func readJWT(s *scope) *settings.JWT {
	m := &settings.JWT{RemoveAfterReading: true, ReadPeriod: time.Minute}
	requireString(s, "path", &m.Path)
	requireString(s, "role", &m.Role)
	getAs(s, StartError, "remove_jwt_after_reading", asRawBool, &m.RemoveAfterReading)
	getAs(s, StartError, "remove_jwt_follows_symlinks", asRawBool, &m.RemoveFollowsSymlinks)
	if m.RemoveAfterReading {
		m.ReadPeriod = 500 * time.Millisecond // checking whether the file exists is cheap
	}
	getPeriod(s, "jwt_read_period", &m.ReadPeriod)
	return m
}

func readKubernetes(s *scope) *settings.Kubernetes {
	m := &settings.Kubernetes{}
	requireString(s, "role", &m.Role)
	optionalString(s, "token_path", &m.TokenPath)
	if m.TokenPath == "" {
		m.TokenPath = "/var/run/secrets/kubernetes.io/serviceaccount/token"
	}
	return m
}

// checkWrapping reports a wrapped login together with templates. Vault Agent
// accepts it and then reads secrets with the JSON of the wrapping instead of a
// token.
func (v validator) checkWrapping() {
	if v.autoAuth != nil && v.autoAuth.Method.WrapTTL > 0 && v.countRendered() > 0 {
		v.problem(StartError, v.autoAuth.Method.Pos, "auto_auth: method "+strconv.Quote(v.autoAuth.Method.Type), "wrap_ttl",
			"templates cannot use a wrapped token", "set wrap_ttl in the sink instead")
	}
}

// checkTokenIsUsed checks that there is a login, and something that uses its token.
func (v validator) checkTokenIsUsed() {
	switch {
	case v.autoAuth == nil && v.cache == nil && len(v.listeners) == 0:
		v.problem(ValidateError, Pos{}, "", "", "the auto_auth block is missing", "add auto_auth: without a login no secret can be read")
	case v.autoAuth == nil:
		v.problem(Unsupported, Pos{}, "", "", "the auto_auth block is missing",
			"add auto_auth: this version renders files only and does not serve listeners")
	case len(v.autoAuth.Sinks)+v.countRendered() > 0:
	case v.apiProxy != nil && v.apiProxy.token.enabled:
		v.problem(Unsupported, v.autoAuth.Pos, "auto_auth", "", "nothing uses the token",
			"add a sink or a template: this version does not serve api_proxy")
	default:
		v.problem(ValidateError, v.autoAuth.Pos, "auto_auth", "", "nothing uses the token", "add a sink or a template")
	}
}
