// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import "time"

// AppRole logs in with a role id and a secret id that are read from files.
type AppRole struct {
	RoleIDFile   string
	SecretIDFile string // empty: the role needs no secret id
	// RemoveSecretIDFile removes the secret id's file after it has been read.
	RemoveSecretIDFile bool
	// SecretIDWrappingPath, if not empty, says that the file holds a wrapping
	// token, which must have been created at this path.
	SecretIDWrappingPath string
}

func readAppRole(s *scope) *AppRole {
	m := &AppRole{RemoveSecretIDFile: true}
	required(s, "role_id_file_path", &m.RoleIDFile)
	optional(s, "secret_id_file_path", &m.SecretIDFile)
	getAs(s, StartError, "remove_secret_id_file_after_reading", asRawBool, &m.RemoveSecretIDFile)
	if optional(s, "secret_id_response_wrapping_path", &m.SecretIDWrappingPath) && m.SecretIDWrappingPath == "" {
		s.problem(StartError, "secret_id_response_wrapping_path", "is empty", "")
	}
	return m
}

// TokenFile uses a token that is read from a file.
type TokenFile struct {
	Path string
}

func readTokenFile(s *scope) *TokenFile {
	m := &TokenFile{}
	required(s, "token_file_path", &m.Path)
	return m
}

// Cert logs in with a client certificate: with its own, or with that of the
// vault block if ClientCert and ClientKey are empty.
type Cert struct {
	Name                          string // of the role; empty: Vault finds it
	CACert, ClientCert, ClientKey string
	Reload                        bool
	ReloadPeriod                  time.Duration // never 0
}

func readCert(s *scope) *Cert {
	m := &Cert{ReloadPeriod: time.Minute}
	optional(s, "name", &m.Name)
	optional(s, "ca_cert", &m.CACert)
	optional(s, "client_cert", &m.ClientCert)
	optional(s, "client_key", &m.ClientKey)
	getAs(s, StartError, "reload", asBool, &m.Reload)
	period(s, "reload_period", &m.ReloadPeriod)
	if (m.ClientCert == "") != (m.ClientKey == "") {
		s.problem(StartError, "", "client_cert and client_key belong together", "give both, or neither")
	}
	return m
}

// JWT logs in with a JSON Web Token that is read from a file.
type JWT struct {
	Path, Role            string
	RemoveAfterReading    bool
	RemoveFollowsSymlinks bool
	ReadPeriod            time.Duration // never 0
}

func readJWT(s *scope) *JWT {
	m := &JWT{RemoveAfterReading: true, ReadPeriod: time.Minute}
	required(s, "path", &m.Path)
	required(s, "role", &m.Role)
	getAs(s, StartError, "remove_jwt_after_reading", asRawBool, &m.RemoveAfterReading)
	getAs(s, StartError, "remove_jwt_follows_symlinks", asRawBool, &m.RemoveFollowsSymlinks)
	if m.RemoveAfterReading {
		m.ReadPeriod = 500 * time.Millisecond // to see that there is a file is cheap
	}
	period(s, "jwt_read_period", &m.ReadPeriod)
	return m
}

// Kubernetes logs in with the token of a service account.
type Kubernetes struct {
	Role, TokenPath string
}

func readKubernetes(s *scope) *Kubernetes {
	m := &Kubernetes{}
	required(s, "role", &m.Role)
	optional(s, "token_path", &m.TokenPath)
	if m.TokenPath == "" {
		m.TokenPath = "/var/run/secrets/kubernetes.io/serviceaccount/token"
	}
	return m
}

// period reads how often something is looked at.
func period(s *scope, name string, to *time.Duration) {
	if getAs(s, StartError, name, asSeconds, to) && *to <= 0 {
		s.problem(StartError, name, "must be longer than 0", "")
	}
}
