// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package inspect checks whether the files of a bundle may be published: whether
// private keys and certificates match, whether the certificates were issued by the CAs
// in the bundle, and whether they are valid now.
//
// It checks PEM blocks only, anywhere in a file, and ignores everything else. It is
// pure: it reads no file and no clock. It checks the bundle alone, not what a client
// would trust.
package inspect

import (
	"crypto/x509"
	"errors"
	"time"

	"github.com/certagent/certagent/redact"
)

// File is one rendered file of a bundle.
type File struct {
	Path    string // for messages and in the report
	Content redact.Bytes
}

// Report is what the files contain.
type Report struct {
	Keys     []string  // the paths of the files that contain a private key, in the order of the files
	Leaves   []Leaf    // in the order of the files
	NotAfter time.Time // when the first leaf expires; zero if there is no leaf
}

// Leaf is a certificate that a program serves or presents: one that matches a private
// key of the bundle or, if none does, the first of each file that is not a CA's.
type Leaf struct {
	Path        string // of the first file that contains it
	Certificate *x509.Certificate
	HasKey      bool // the bundle contains its private key
}

// Inspect checks the files of a bundle. The error joins every reason why they must not
// be published. The report is what was found, with or without an error.
func Inspect(files []File, now time.Time) (Report, error) {
	b := bundle{certificates: map[string]*certificate{}, keys: map[string]*key{}}
	for _, f := range files {
		b.read(f)
	}
	if b.tooMuch() {
		return Report{Keys: b.keyPaths}, errors.Join(b.problems...)
	}
	b.pair()
	leaves := b.leaves()
	report := Report{Keys: b.keyPaths}
	for _, c := range leaves {
		b.fail(c.window(now))
		if len(c.keys) > 0 {
			b.fail(b.chain(c))
		}
		report.Leaves = append(report.Leaves, Leaf{Path: c.paths[0], Certificate: c.Certificate, HasKey: len(c.keys) > 0})
		if report.NotAfter.IsZero() || c.NotAfter.Before(report.NotAfter) {
			report.NotAfter = c.NotAfter
		}
	}
	return report, errors.Join(b.problems...)
}
