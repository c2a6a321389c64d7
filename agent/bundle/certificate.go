// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/certagent/certagent/agent/certificate"
	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/certspec"
	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/sinks"
)

// certificateMember is a member that requests a certificate and writes it to any
// number of files.
type certificateMember struct {
	member
	spec     certspec.Spec
	schedule certificate.Schedule
	limit    int // how often it may be issued in an hour
	outputs  []output
	password password // of the outputs that have one

	required certspec.KeySpec // the kind of key that the role has required; zero if unknown

	issuedCertificate        // the one that was issued last
	issuerVersion     uint64 // of the latest answer about its issuer

	failure issueFailure  // of the last request
	clock   *clockRefusal // of the last answer; nil if the clocks are no reason
}

// output is one file of a certificate.
type output struct {
	certificate.Output
	file sinks.File // without content
}

// newCertificateMember returns the member for a certificate block of bundle b.
func newCertificateMember(index int, c *config.Certificate, b *config.Bundle) *certificateMember {
	m := &certificateMember{
		member:   member{index: index, pos: c.Pos, name: c.Files[0].Destination, owner: owner{c.User, c.Group}},
		spec:     c.Spec,
		schedule: certificate.Schedule{Renew: c.Renew, Window: b.Window},
		limit:    b.MaxIssuesPerHour,
		password: newPassword(c.Password),
	}
	for _, f := range c.Files {
		o := output{
			Output: certificate.Output{Output: f.Output},
			file: sinks.File{
				Path: config.Absolute(b.Path(f.Destination)), Mode: f.Perms, UID: -1, GID: -1, CreateDirs: b.Directory == "", Key: f.Kind.HoldsKey(),
			},
		}
		m.outputs = append(m.outputs, o)
	}
	return m
}

// digest identifies the member's configuration, as that of a template does.
func (m *certificateMember) digest() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q\n", m.spec.Identity(), m.owner.user, m.owner.group)
	for _, o := range m.outputs {
		fmt.Fprintf(h, "%q %q %q %q %o\n", o.Kind, o.Form, o.Alias, o.file.Path, o.file.Mode)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// encode returns the certificate's files, with their owners looked up.
func (m *certificateMember) encode(password redact.Secret) ([]sinks.File, error) {
	uid, gid, err := m.owner.ids()
	if err != nil {
		return nil, err
	}
	var files []sinks.File
	for _, o := range m.outputs {
		if o.Kind.HasPassword() {
			o.Password = password
		}
		if err := o.CheckPassword(); err != nil {
			return nil, fmt.Errorf("%s: %w", o.Kind, err)
		}
		file := o.file
		if file.Content, err = o.Encode(m.pair, m.trust); err != nil {
			return nil, err
		}
		file.UID, file.GID = uid, gid
		files = append(files, file)
	}
	return files, nil
}

// needsPassword reports whether one of the outputs has a password.
func (m *certificateMember) needsPassword() bool {
	return slices.ContainsFunc(m.outputs, func(o output) bool { return o.Kind.HasPassword() })
}

// paths returns the destinations.
func (m *certificateMember) paths() []string {
	paths := make([]string, len(m.outputs))
	for i, o := range m.outputs {
		paths[i] = o.file.Path
	}
	return paths
}
