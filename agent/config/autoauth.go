// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import "time"

// AutoAuth is how certagent logs in, and where it leaves its token.
type AutoAuth struct {
	Method Method
	Sinks  []Sink
	// ReauthOnNewCredentials logs in again when the method finds new
	// credentials, rather than when the token ends.
	ReauthOnNewCredentials bool
	Pos                    Pos
}

func readAutoAuth(s *scope) *AutoAuth {
	a := &AutoAuth{Pos: s.pos()}
	get(s, "enable_reauth_on_new_credentials", asBool, &a.ReauthOnNewCredentials)
	if method := s.only(s.labelled("method", "config")); method != nil {
		a.Method = readMethod(method)
	} else {
		s.problem(LoadError, "", "the method block is missing", `add method "approle" { … }, or another one`)
	}
	for _, sink := range s.labelled("sink", "config") {
		a.Sinks = append(a.Sinks, readSink(sink))
	}
	s.refuse("sinks", "unknown key", `write a sink "file" { … } block for each sink`)
	a.checkWrapping(s)
	s.finish(Warning)
	return a
}

// checkWrapping: a wrapped login has its token in the wrapping, once.
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

// Method is an auth method. Of the last five fields one is not nil.
type Method struct {
	Type      string // such as approle
	MountPath string // without a slash at its end
	// Namespace is for the login.
	Namespace  string
	WrapTTL    time.Duration // 0: the login is not wrapped
	MinBackoff time.Duration // 0: the default, 1 s
	MaxBackoff time.Duration // 0: the default, 5 min
	ExitOnErr  bool          // the first failed login ends certagent
	Pos        Pos

	AppRole    *AppRole
	TokenFile  *TokenFile
	Cert       *Cert
	JWT        *JWT
	Kubernetes *Kubernetes
}
