"""HTTP: feature services behind `POST /features/{service}`."""
