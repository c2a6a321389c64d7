// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package settings holds the parts of the configuration that the packages below
// agent take as they were read: how to connect to Vault, how to log in, the text
// of a template, and when a child is restarted.
//
// It is pure: it holds values, and reads no file.
package settings

// Vault is how to connect to the server.
type Vault struct {
	Address       string // an http, https or unix URL; "" means https://127.0.0.1:8200
	CACert        string // a PEM file of CA certificates; if neither it nor CAPath is set, the system's are used
	CAPath        string // a directory of such files; CACert takes precedence
	ClientCert    string // a PEM file with the client's certificate; needs ClientKey
	ClientKey     string // a PEM file with its private key; needs ClientCert
	TLSServerName string // the name that the server's certificate must have; "" means the host of Address
	TLSSkipVerify bool   // accept any certificate of the server
	Namespace     string // the namespace of every request; "" means none
}
