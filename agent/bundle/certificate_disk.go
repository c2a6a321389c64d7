// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"time"

	"github.com/certagent/certagent/agent/certificate"
	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/certinfo"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/safefile"
	"github.com/certagent/certagent/vaultreq"
)

// diskFile is one of a certificate's files, with its content.
type diskFile struct {
	output
	certificate.Decoded
}

// readDisk decodes the certificate's files, of which content returns what they
// hold, or false for a file that cannot be read; such files are left out. So are
// those with a password unless known is true.
func (m *certificateMember) readDisk(content func(path string) ([]byte, bool), password redact.Secret, known bool) []diskFile {
	var files []diskFile
	for _, o := range m.outputs {
		text, ok := content(o.file.Path)
		if !ok || o.Kind.HasPassword() && !known {
			continue
		}
		if o.Kind.HasPassword() {
			o.Password = password
		}
		files = append(files, diskFile{o, o.Decode(text)})
	}
	return files
}

// readContent reads a file for readDisk.
func readContent(path string) ([]byte, bool) {
	content, err := safefile.Read(path, safefile.MaxPEM)
	return content, err == nil
}

// assemblePair returns the pair and the CAs that files contain together.
func assemblePair(files []diskFile) (certificate.Pair, certificate.Trust) {
	contents := make([]certificate.Decoded, len(files))
	for i, f := range files {
		contents[i] = f.Decoded
	}
	return certificate.Assemble(contents)
}

// load takes over the pair that is on disk, no matter what wrote it: from plain PEM
// files, or from keystores if that is not complete. It returns false as long as
// the password that this takes is not known.
//
// damaged are the files that are there and are none that this certificate can have, or
// cannot be read.
func (m *certificateMember) load(password redact.Secret, known bool, left issuedPayload, now time.Time) (loaded bool, damaged []diskFile) {
	unreadable := map[string]error{}
	read := func(path string) ([]byte, bool) {
		content, err := safefile.Read(path, safefile.MaxPEM)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			unreadable[path] = err
		}
		return content, err == nil
	}
	files := m.readDisk(read, "", false)
	pair, trust := assemblePair(files)
	if pair.Leaf == nil || pair.Key.Signer() == nil {
		if m.needsPassword() && !known {
			return false, nil
		}
		files = m.readDisk(read, password, true)
		pair, trust = assemblePair(files)
	}
	m.restore(pair, trust, left, now)
	damaged = slices.DeleteFunc(files, func(f diskFile) bool { return f.Err == nil })
	for _, o := range m.outputs {
		if err := unreadable[o.file.Path]; err != nil {
			damaged = append(damaged, diskFile{o, certificate.Decoded{Err: err}})
		}
	}
	return true, damaged
}

// loadFromDisk takes over the certificates on disk, as far as that is possible
// without an answer from Vault. left is what the record keeps of them.
func (b *Bundle) loadFromDisk(left map[string]json.RawMessage, now time.Time) {
	for i, m := range b.certificates {
		if b.state.Certificates[i].Loaded {
			continue
		}
		source := newSource(context.Background(), func(r vaultreq.Request) (*secrets.Answer, bool) {
			answer, _ := b.secrets.Get(r)
			return answer, answer != nil
		})
		password, known, err := m.password.read(source)
		payload, _ := parseIssued(left[m.name]) // resume has looked for errors
		loaded, damaged := m.load(password, known && err == nil, payload, now)
		for _, f := range damaged {
			b.log.Warn(logmsg.FileUnusable, logkey.Certificate, m.name, logkey.Destination, f.file.Path, logkey.Error, f.Err)
		}
		if !loaded {
			if err != nil && !b.state.Certificates[i].LoadFailed {
				b.noteError(plan.Render, err)
				b.reasons[plan.LoadTrouble] = err
				b.log.Error(logmsg.PasswordMissing, logkey.Certificate, m.name, logkey.Error, err)
			}
			b.apply(plan.LoadFailed{Index: i, Failed: err != nil})
			continue
		}
		b.apply(plan.CertificateLoaded{Index: i})
		if m.publishable() && !m.renewal(b.env.Host, now).Due(now) {
			b.log.Info(logmsg.CertificateKept, logkey.Certificate, m.name,
				logkey.Serial, certinfo.Serial(m.pair.Leaf), logkey.Renews, m.renewal(b.env.Host, now).At, expires(m.pair.Leaf.NotAfter))
		}
	}
}

// leavesHeld returns the leaves of the bundle's certificates.
func (b *Bundle) leavesHeld() (leaves []*x509.Certificate) {
	for _, m := range b.certificates {
		if m.pair.Leaf != nil {
			leaves = append(leaves, m.pair.Leaf)
		}
	}
	return leaves
}

// leavesOnDisk returns the certificates' leaves from the files without a password;
// where these hold none, the leaf that was issued last.
func (b *Bundle) leavesOnDisk() (leaves []*x509.Certificate) {
	for _, m := range b.certificates {
		pair, _ := assemblePair(m.readDisk(readContent, "", false))
		if pair.Leaf == nil {
			pair.Leaf = m.pair.Leaf
		}
		if pair.Leaf != nil {
			leaves = append(leaves, pair.Leaf)
		}
	}
	return leaves
}
