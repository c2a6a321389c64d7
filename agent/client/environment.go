// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"fmt"
	"net/http"
	"net/url"
	"os"

	"github.com/hashicorp/vault/api"
)

// environment returns vault/api's settings from the environment, without those that have
// surprising effects. Their connection settings are not used.
func environment() (*api.Config, error) {
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
