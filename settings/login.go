// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package settings

import "time"

// AppRole is the login with a role ID and a secret ID that are read from files.
type AppRole struct {
	RoleIDFile   string
	SecretIDFile string // "" means a role that needs no secret ID
	// RemoveSecretIDFile removes the file of the secret ID after use. Vault Agent's
	// default is true.
	RemoveSecretIDFile bool
	// WrappingPath, unless "", means that the file contains a response-wrapping
	// token, which must have been created at this path, such as
	// auth/approle/role/web/secret-id.
	WrappingPath string
}

// TokenFile is the login with a token that is read from a file.
type TokenFile struct {
	Path string
}

// Cert is the login with a client certificate: the one given here, or that of
// Vault if ClientCert and ClientKey are empty.
type Cert struct {
	Name                          string        // of the role; "" means any that matches
	CACert, ClientCert, ClientKey string        // files
	Reload                        bool          // log in again when the files have changed
	ReloadPeriod                  time.Duration // read for compatibility: the files are watched
}

// JWT is the login with a JSON Web Token that is read from a file.
type JWT struct {
	Path, Role string
	// RemoveAfterReading removes the file after use. Vault Agent's default is true.
	// A link is removed, not the file that it leads to, unless
	// RemoveFollowsSymlinks is set.
	RemoveAfterReading    bool
	RemoveFollowsSymlinks bool
	ReadPeriod            time.Duration // read for compatibility: the file is watched
}

// Kubernetes is the login with the token of a service account.
type Kubernetes struct {
	Role      string
	TokenPath string // "" means where Kubernetes mounts it
}
