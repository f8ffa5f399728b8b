"""What tests share: servers, worlds, lakes, strategies and small projects."""
