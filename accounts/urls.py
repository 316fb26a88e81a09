"""Account pages; each works with and without its trailing slash."""

from django.contrib.auth.views import LogoutView
from django.urls import re_path

from accounts.views import LoginView, PasswordChangeView, set_theme

urlpatterns = [
    re_path(r"\Alogin/?\Z", LoginView.as_view(), name="login"),
    re_path(r"\Alogout/?\Z", LogoutView.as_view(), name="logout"),
    re_path(r"\Apassword/?\Z", PasswordChangeView.as_view(), name="password"),
    re_path(r"\Atheme/?\Z", set_theme, name="theme"),
]
