"""The WeCom (企业微信) protocol: plain Python, configuration arrives as arguments."""
