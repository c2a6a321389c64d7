// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/safefile"
)

// environment returns vault/api's settings from the environment, without those that have
// surprising effects. Their connection settings are not used.
func environment() (*api.Config, error) {
	if err := checkEnvironmentFiles(); err != nil {
		return nil, fmt.Errorf("reading the VAULT_* environment variables: %w", err)
	}
	config := api.DefaultConfig()
	if config.Error != nil {
		return nil, fmt.Errorf("reading the VAULT_* environment variables: %w", config.Error)
	}
	if config.Timeout < 0 {
		return nil, fmt.Errorf("%s is negative", api.EnvVaultClientTimeout)
	}
	config.AgentAddress = "" // VAULT_AGENT_ADDR would override the address
	if os.Getenv(api.EnvVaultMaxRetries) == "" {
		config.MaxRetries = 0
	}
	return config, limitRate(config)
}

// checkEnvironmentFiles returns an error for a file that vault/api would wait for: it
// reads those that the environment names, whatever stands there.
func checkEnvironmentFiles() error {
	for _, name := range []string{api.EnvVaultCACert, api.EnvVaultClientCert, api.EnvVaultClientKey} {
		if path := os.Getenv(name); path != "" {
			if _, err := safefile.Read(path, safefile.MaxPEM); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	if path := os.Getenv(api.EnvVaultCAPath); path != "" {
		err := filepath.WalkDir(path, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				_, err = safefile.Read(path, safefile.MaxPEM)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", api.EnvVaultCAPath, err)
		}
	}
	return nil
}

// limitRate corrects VAULT_RATE_LIMIT. vault/api truncates the burst to a whole number
// and ignores the limiter's error, so that "0.5" would not limit at all.
func limitRate(config *api.Config) error {
	switch l := config.Limiter; {
	case l == nil:
	case l.Limit() < 0:
		return fmt.Errorf("%s is negative", api.EnvRateLimit)
	case l.Limit() == 0:
		config.Limiter = nil
	case l.Burst() < 1:
		l.SetBurst(1)
	}
	return nil
}

// proxy returns the function that returns the proxy of a request: that of
// VAULT_PROXY_ADDR, else of VAULT_HTTP_PROXY, else of HTTPS_PROXY and the like.
func proxy() (func(*http.Request) (*url.URL, error), error) {
	for _, name := range []string{api.EnvVaultProxyAddr, api.EnvHTTPProxy} {
		value := os.Getenv(name)
		if value == "" {
			continue
		}
		u, err := url.Parse(value)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("%s: %q is not the URL of a proxy", name, hidePassword(value))
		}
		return http.ProxyURL(u), nil
	}
	return http.ProxyFromEnvironment, nil
}
