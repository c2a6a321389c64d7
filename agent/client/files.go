// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/safefile"
)

// files are the sources of the certificates of a connection.
type files struct {
	caCert     string
	caBytes    []byte // takes precedence over caPath, as in vault/api
	caPath     string
	clientCert string
	clientKey  string
}

func newFiles(c Config) (files, error) {
	switch {
	case c.ClientCert != "" && c.ClientKey == "":
		return files{}, errors.New("client_cert is set and client_key is not: set both or neither")
	case c.ClientKey != "" && c.ClientCert == "":
		return files{}, errors.New("client_key is set and client_cert is not: set both or neither")
	}
	return files{
		caCert: c.CACert, caBytes: []byte(os.Getenv(api.EnvVaultCACertBytes)), caPath: c.CAPath,
		clientCert: c.ClientCert, clientKey: c.ClientKey,
	}, nil
}

// none reports whether there is no file to watch.
func (f files) none() bool {
	return f.clientCert == "" && f.caCert == "" && (f.caPath == "" || len(f.caBytes) > 0)
}

// hasCA reports whether the configuration names the CAs of the server.
func (f files) hasCA() bool { return f.caCert != "" || len(f.caBytes) > 0 || f.caPath != "" }

// content is the content of the files.
type content struct {
	ca   []byte // nil means the system's CA certificates
	cert []byte
	key  redact.Bytes
}

func (c content) equal(o content) bool {
	return bytes.Equal(c.ca, o.ca) && bytes.Equal(c.cert, o.cert) && bytes.Equal(c.key, o.key)
}

// read reads the files.
func (f files) read() (c content, err error) {
	switch {
	case f.caCert != "":
		if c.ca, err = safefile.Read(f.caCert, safefile.MaxPEM); err != nil {
			return content{}, fmt.Errorf("ca_cert: %w", err)
		}
	case len(f.caBytes) > 0:
		c.ca = f.caBytes
	case f.caPath != "":
		if c.ca, err = readDirectory(f.caPath); err != nil {
			return content{}, fmt.Errorf("ca_path: %w", err)
		}
	}
	if f.clientCert == "" {
		return c, nil
	}
	if c.cert, err = safefile.Read(f.clientCert, safefile.MaxPEM); err != nil {
		return content{}, fmt.Errorf("client_cert: %w", err)
	}
	if c.key, err = safefile.Read(f.clientKey, safefile.MaxPEM); err != nil {
		return content{}, fmt.Errorf("client_key: %w", err)
	}
	return c, nil
}

const maxDirectory = 4 * safefile.MaxPEM

// readDirectory returns the contents of the files below dir. It follows links, except to
// directories: in Kubernetes the files are beside a link "..data" to their directory.
func readDirectory(dir string) ([]byte, error) {
	joined := []byte{} // not nil: an empty directory does not mean the system's CAs
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if path != dir && strings.HasPrefix(entry.Name(), "..") {
				return fs.SkipDir
			}
			return nil
		}
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			return err
		}
		data, err := safefile.Read(path, safefile.MaxPEM)
		if errors.Is(err, safefile.ErrNotRegular) {
			return nil // since the line above
		}
		if joined = append(append(joined, data...), '\n'); err == nil && len(joined) > maxDirectory {
			err = fmt.Errorf("the files in %q are larger than %d MiB together", dir, maxDirectory>>20)
		}
		return err
	})
	return joined, err
}

// tls returns the TLS configuration for the content. It checks that the key matches the
// certificate.
func (f files) tls(c content, serverName string, skipVerify bool) (*tls.Config, error) {
	config := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         serverName,
		InsecureSkipVerify: skipVerify,
	}
	if c.ca != nil {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(c.ca) {
			return nil, fmt.Errorf("%s: contains no CA certificate in PEM", f.caName())
		}
	}
	if f.clientCert == "" {
		return config, nil
	}
	pair, err := tls.X509KeyPair(c.cert, c.key)
	if err != nil {
		return nil, fmt.Errorf("client_cert %q with client_key %q: %w", f.clientCert, f.clientKey, err)
	}
	// Present it whatever CAs the server requests: the CA of a cert login need not be
	// among those of the listener.
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	return config, nil
}

// caName returns the source of the CA, for messages.
func (f files) caName() string {
	switch {
	case f.caCert != "":
		return fmt.Sprintf("ca_cert %q", f.caCert)
	case len(f.caBytes) > 0:
		return api.EnvVaultCACertBytes
	}
	return fmt.Sprintf("ca_path %q", f.caPath)
}
