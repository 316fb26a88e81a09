"""Account pages; each works with and without its trailing slash."""

from django.contrib.auth.views import LogoutView
from django.urls import re_path

from accounts.views import LoginView, PasswordChangeView, set_theme

urlpatterns = [
    re_path(r"^login/?\Z", LoginView.as_view(), name="login"),
    re_path(r"^logout/?\Z", LogoutView.as_view(), name="logout"),
    re_path(r"^password/?\Z", PasswordChangeView.as_view(), name="password"),
    re_path(r"^theme/?\Z", set_theme, name="theme"),
]
